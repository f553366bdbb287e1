"""Does an edit reach concepts that it was not made from? Each one left out in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from uwm.metrics.evaluation import paired_change
from uwm.metrics.intervals import Clusters, Interval, Outcomes, part, scale
from uwm.metrics.registry import BUILT_IN, Metrics

Found = Mapping[str, Outcomes]
"""Outcomes per metric, (samples,) each."""


class HeldOutChange(NamedTuple):
    """One metric on the pairs of one concept, or of all, in its unit and in points.

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
    original: Found,
    ordinary: Found,
    held_out: Mapping[str, Found],
    concepts: Sequence[str],
    metrics: Metrics = BUILT_IN,
    clusters: Clusters = None,
) -> list[HeldOutChange]:
    """A row per metric that is measured per concept, over all held-out concepts, then for each.

    Args:
        held_out: per concept the outcomes of the edit made without it; other samples' are unused.
        concepts: one per sample.
    """
    tags = np.asarray(concepts, dtype=np.str_)
    chosen: dict[str, NDArray[np.bool_]] = {"": np.isin(tags, list(held_out))}
    chosen |= {concept: tags == concept for concept in held_out}
    rows = []
    for concept, own in chosen.items():
        within = part(clusters, own)
        for metric in metrics.per_concept:
            before, usual = original[metric][own], ordinary[metric][own]
            after = np.zeros_like(original[metric])
            for name, outcomes in held_out.items():
                after = np.where(tags == name, outcomes[metric], after)
            after = after[own]
            rows.append(
                HeldOutChange(
                    concept,
                    metric,
                    int(own.sum()),
                    scale(before) * float(before.mean()),
                    paired_change(before, usual, within),
                    paired_change(before, after, within),
                    paired_change(usual, after, within),
                )
            )
    return rows
