"""Sections of the report, a module and a template each; see `flows.sections.section`."""

from flows.sections.section import RepairedBackbone, Section

__all__ = ["RepairedBackbone", "Section"]
