"""Sections that users add to those that every report has."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, PlainValidator, SerializeAsAny

from uwm.config.kinds import Kinds
from uwm.config.settings import Settings


class ReportSection(Settings):
    """A section and its settings; a subclass of `flows.sections.Section` decides what it shows."""

    kind: str


def _named(value: object) -> object:
    return {"kind": value} if isinstance(value, str) else value


_KINDS = Kinds(ReportSection, [], "uwm.sections")
SectionConfig = Annotated[
    ReportSection, PlainValidator(_KINDS.validate), BeforeValidator(_named), SerializeAsAny()
]
"""A section by its kind, or a mapping with its kind and settings."""
