"""Does an edit reach concepts that it was not made from? Each one left out in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from uwm.metrics.evaluation import CONCEPT_METRICS, paired_change
from uwm.metrics.intervals import Interval, Outcomes

Found = Mapping[str, Outcomes]
"""Outcomes per metric, bool (samples,)."""


class HeldOutChange(NamedTuple):
    """One metric on the pairs of one concept, or of all, in percent and percentage points.

    Attributes:
        concept: empty for all that were held out, each measured with the edit made without it.
        n: pairs.
        original: the value without any edit.
        ordinary: change from it by the edit that is made from all concepts.
        held_out: change from it by the edit that is made from all others.
        gap: `held_out` less `ordinary`.
    """

    concept: str
    metric: str
    n: int
    original: float
    ordinary: Interval
    held_out: Interval
    gap: Interval


def held_out_changes(
    original: Found, ordinary: Found, held_out: Mapping[str, Found], concepts: Sequence[str]
) -> list[HeldOutChange]:
    """A row per metric of `CONCEPT_METRICS` over all concepts held out, then per concept.

    Args:
        held_out: per concept the outcomes of the edit made without it; other samples' are unused.
        concepts: one per sample.
    """
    tags = np.asarray(concepts, dtype=np.str_)
    chosen: dict[str, NDArray[np.bool_]] = {"": np.isin(tags, list(held_out))}
    chosen |= {concept: tags == concept for concept in held_out}
    rows = []
    for concept, own in chosen.items():
        for metric in CONCEPT_METRICS:
            before, usual = original[metric][own], ordinary[metric][own]
            after = np.zeros(len(tags), dtype=bool)
            for name, outcomes in held_out.items():
                after = np.where(tags == name, outcomes[metric], after)
            after = after[own]
            rows.append(
                HeldOutChange(
                    concept,
                    metric,
                    int(own.sum()),
                    100 * float(before.mean()),
                    paired_change(before, usual),
                    paired_change(before, after),
                    paired_change(usual, after),
                )
            )
    return rows
