"""Concept-balanced samples of a pair source, the same on every machine."""

from __future__ import annotations

import hashlib

from storage.sources.source import Source
from uwm.errors import SourceError


def sampled(source: Source, per_concept: int | None, seed: int) -> Source:
    """At most `per_concept` rows per concept, the same on every machine: the lowest hashes."""
    if source.rows["id"].duplicated().any():
        raise SourceError("every pair needs an id of its own")
    chosen = source.rows.index
    if per_concept is not None:
        order = source.rows["id"].map(
            lambda id: hashlib.sha256(f"{seed}:{id}".encode()).hexdigest()
        )
        ranked = order.groupby(source.rows["concept"]).rank(method="first")
        chosen = source.rows.index[ranked <= per_concept]
    return Source(
        rows=source.rows.loc[chosen].reset_index(drop=True),
        images=source.images.loc[chosen].reset_index(drop=True),
        texts=source.texts.loc[chosen].reset_index(drop=True),
        read=source.read,
        excluded=source.excluded,
    )
