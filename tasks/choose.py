"""The choice of a grid's point on the validation pairs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pandas as pd

from storage.store.spec import Spec
from storage.store.store import Store
from tasks.cost import free
from tasks.embeddings import read_pair, read_rows
from tasks.metrics import MetricPlugin, metrics_with
from tasks.stage import stage
from uwm.config import ChoiceRule
from uwm.metrics.evaluation import chosen
from uwm.metrics.outcomes import pair_means

TABLE = "candidates.parquet"


class ChoiceSpec(Spec):
    """Candidates as (image embeddings, text embeddings), the first being the original.

    Attributes:
        pairs: digest of the pair set.
        rule: by which the point is chosen.
        metrics: further ones than the built-in.
    """

    kind: ClassVar[str] = "choices"
    pairs: str
    candidates: tuple[tuple[str, str], ...]
    rule: ChoiceRule
    metrics: tuple[MetricPlugin, ...] = ()

    @classmethod
    def of(
        cls,
        pairs: Spec,
        candidates: Sequence[tuple[Spec, Spec]],
        rule: ChoiceRule,
        metrics: Sequence[MetricPlugin] = (),
    ) -> ChoiceSpec:
        return cls(
            pairs=pairs.digest,
            candidates=tuple((image.digest, text.digest) for image, text in candidates),
            rule=rule,
            metrics=tuple(metrics),
        )


@stage(ChoiceSpec, cost=free)
def choose(specs: Sequence[ChoiceSpec], store: Store) -> None:
    """Measure every candidate and mark the one to take."""
    for spec in specs:

        def build(folder: Path) -> None:
            metrics = metrics_with(spec.metrics)
            kept = read_rows(store, spec.pairs, spec.candidates[0][1])
            original = read_pair(store, *spec.candidates[0], kept)
            rows = [
                pair_means(read_pair(store, *pair, kept, original), metrics)
                for pair in spec.candidates
            ]
            table = pd.DataFrame(rows)
            best = chosen(rows, 0, spec.rule.max_loss, metrics, spec.rule.goals)
            table["chosen"] = table.index == best
            table.to_parquet(folder / TABLE, index=False)

        store.make(spec, build)


def read_choice(store: Store, spec: ChoiceSpec) -> pd.DataFrame:
    """A row per candidate, in the order of the spec: the mean of each metric, and `chosen`."""
    return pd.read_parquet(store.path(spec.kind, spec.digest) / TABLE)
