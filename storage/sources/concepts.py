"""Concept tags as data sets spell them."""

from __future__ import annotations


def concept_key(tag: str) -> str:
    """The form that tags are compared and stored in: without case and extra spaces."""
    return " ".join(tag.split()).casefold()
