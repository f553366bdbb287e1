"""What concepts are called in results."""

from __future__ import annotations

_DISPLAYED = {"bodily bluids": "bodily fluids"}
"""ViSU's own misspelling: kept in the data, so that its tags can be looked up there."""


def displayed(concept: str) -> str:
    """What a concept's tag is called on pages and in tables."""
    return _DISPLAYED.get(concept, concept)
