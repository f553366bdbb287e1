"""What becomes of a concept that an edit was made without, beside the ordinary edit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pandas as pd

from storage.store.spec import Input, Spec
from storage.store.store import Store
from tasks.artifacts import Pair
from tasks.cost import free
from tasks.datasets import DatasetSpec
from tasks.embeddings import TABLE, read_pair, read_rows
from tasks.metrics import MetricPlugin, metrics_with
from tasks.stage import stage
from uwm.metrics.held_out import HeldOutChange, held_out_changes
from uwm.metrics.intervals import Interval
from uwm.metrics.outcomes import pair_outcomes


class HeldOutSpec(Spec):
    """One method on one pair set, with an edit per concept made without it.

    Attributes:
        held_out: concept, and embeddings by the edit that was made without it.
        metrics: further ones than the built-in.
    """

    kind: ClassVar[str] = "held_out"
    pairs: Input[DatasetSpec]
    original: Pair
    ordinary: Pair
    held_out: tuple[tuple[str, Pair], ...]
    metrics: tuple[MetricPlugin, ...] = ()


@stage(HeldOutSpec, cost=free)
def hold_out(specs: Sequence[HeldOutSpec], store: Store) -> None:
    """Measure each concept with the edit that was made without it."""
    for spec in specs:

        def build(folder: Path) -> None:
            metrics = metrics_with(spec.metrics)
            kept = read_rows(store, spec.pairs, spec.original[1])
            before = read_pair(store, spec.original, kept)
            original = pair_outcomes(before, metrics)
            ordinary = pair_outcomes(read_pair(store, spec.ordinary, kept, before), metrics)
            held_out = {
                concept: pair_outcomes(read_pair(store, pair, kept, before), metrics)
                for concept, pair in spec.held_out
            }
            rows = held_out_changes(
                *(original, ordinary, held_out, kept.concepts, metrics), kept.clusters
            )
            pd.DataFrame(map(_tidy, rows)).to_parquet(folder / TABLE, index=False)

        store.make(spec, build)


def _tidy(row: HeldOutChange) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in row._asdict().items():
        if isinstance(value, Interval):
            found |= {name: value.value, f"{name}_low": value.low, f"{name}_high": value.high}
        else:
            found[name] = value
    return found
