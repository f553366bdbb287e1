"""Concept tags as data sets spell them, and as people read them."""

from __future__ import annotations

_DISPLAYED = {"bodily bluids": "bodily fluids"}
"""ViSU's own misspelling: kept in the data, so that its tags can be looked up there."""


def concept_key(tag: str) -> str:
    """The form that tags are compared and stored in: without case and extra spaces."""
    return " ".join(tag.split()).casefold()


def displayed(concept: str) -> str:
    """What a concept is called on pages and in tables."""
    return _DISPLAYED.get(concept, concept)
