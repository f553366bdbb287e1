"""The choice of a grid's point on the validation pairs."""

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
from tasks.embeddings import read_pair, read_rows
from tasks.metrics import MetricPlugin, metrics_with
from tasks.stage import stage
from uwm.config import ChoiceRule
from uwm.metrics.evaluation import chosen
from uwm.metrics.outcomes import pair_means

TABLE = "candidates.parquet"


class ChoiceSpec(Spec):
    """Candidates by their embeddings of a pair set, the first being the original.

    Attributes:
        rule: by which the point is chosen.
        metrics: further ones than the built-in.
    """

    kind: ClassVar[str] = "choices"
    pairs: Input[DatasetSpec]
    candidates: tuple[Pair, ...]
    rule: ChoiceRule
    metrics: tuple[MetricPlugin, ...] = ()


@stage(ChoiceSpec, cost=free)
def choose(specs: Sequence[ChoiceSpec], store: Store) -> None:
    """Measure every candidate and mark the one to take."""
    for spec in specs:

        def build(folder: Path) -> None:
            metrics = metrics_with(spec.metrics)
            kept = read_rows(store, spec.pairs, spec.candidates[0][1])
            original = read_pair(store, spec.candidates[0], kept)
            rows = [
                pair_means(read_pair(store, pair, kept, original), metrics)
                for pair in spec.candidates
            ]
            table = pd.DataFrame(rows)
            best = chosen(rows, 0, spec.rule.max_loss, metrics, spec.rule.goals)
            table["chosen"] = table.index == best
            table.to_parquet(folder / TABLE, index=False)

        store.make(spec, build)


def read_choice(store: Store, spec: ChoiceSpec) -> pd.DataFrame:
    """A row per candidate, in the order of the spec: the mean of each metric, and `chosen`."""
    return pd.read_parquet(store.path(spec) / TABLE)
