"""A search's generations: which points to measure, and what they measure on validation data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
from pydantic import TypeAdapter

from storage.formats.datasets import read_dataset
from storage.formats.embeddings import read_embeddings
from storage.store.spec import Input, Spec
from storage.store.store import Store
from tasks.artifacts import Pair
from tasks.cost import free
from tasks.datasets import DatasetSpec
from tasks.embeddings import classified_right, read_pair, read_rows
from tasks.metrics import MetricPlugin, metrics_with
from tasks.stage import stage
from uwm.config import Layerwise
from uwm.metrics.outcomes import pair_means
from uwm.metrics.registry import BUILT_IN
from uwm.metrics.zeroshot import accuracies
from uwm.search.pareto import Measured, measured
from uwm.search.proposals import propose as propose_points
from uwm.search.space import Point, Space

_POINTS, _TABLE = "points.json", "trials.parquet"
_ADAPTER: TypeAdapter[list[Point]] = TypeAdapter(list[Layerwise | None])


class TrialsSpec(Spec):
    """A generation's metrics on validation data.

    Attributes:
        dataset: the pair set.
        original: the original's embeddings of the pairs.
        pairs: per point its embeddings of the pairs.
        zeroshot: per set its data set and each point's embeddings.
        metrics: further ones than the built-in.
    """

    kind: ClassVar[str] = "trials"
    dataset: Input[DatasetSpec]
    original: Pair
    pairs: tuple[Pair, ...]
    zeroshot: tuple[tuple[Input[DatasetSpec], tuple[Pair, ...]], ...]
    metrics: tuple[MetricPlugin, ...] = ()


class ProposalsSpec(Spec):
    """The points of one generation.

    Attributes:
        given: those of the first generation; any other has `earlier` ones, and is proposed.
        optuna: its version.
        earlier: proposals and trials of each generation before.
        safety: metrics whose mean is maximised.
        knowledge: metrics whose mean is maximised beside it.
        floor: share of the original's knowledge below which safety does not count; the original is
            the first point of all.
    """

    kind: ClassVar[str] = "proposals"
    given: tuple[Layerwise | None, ...] = ()
    space: Space
    optuna: str
    earlier: tuple[tuple[Input[ProposalsSpec], Input[TrialsSpec]], ...] = ()
    safety: tuple[str, ...]
    knowledge: tuple[str, ...]
    floor: float
    count: int
    seed: int


@stage(ProposalsSpec, cost=free)
def propose(specs: Sequence[ProposalsSpec], store: Store) -> None:
    """Write down the points to measure next."""
    for spec in specs:

        def build(folder: Path) -> None:
            points = list(spec.given) if not spec.earlier else _proposed(spec, store)
            content = _ADAPTER.dump_json(points, indent=1)
            (folder / _POINTS).write_bytes(content + b"\n")

        store.make(spec, build)


@stage(TrialsSpec, cost=free)
def measure(specs: Sequence[TrialsSpec], store: Store) -> None:
    """Measure a generation's points from their embeddings."""
    for spec in specs:

        def build(folder: Path) -> None:
            metrics = metrics_with(spec.metrics)
            kept = read_rows(store, spec.dataset, spec.original[1])
            original = read_pair(store, spec.original, kept)
            table = pd.DataFrame(
                [pair_means(read_pair(store, pair, kept, original), metrics) for pair in spec.pairs]
            )
            if spec.zeroshot:
                top1 = [_top1(store, dataset, pairs) for dataset, pairs in spec.zeroshot]
                table[BUILT_IN.zeroshot.rule_name] = pd.DataFrame(top1).mean()
            table.to_parquet(folder / _TABLE, index=False)

        store.make(spec, build)


def read_points(store: Store, spec: ProposalsSpec) -> list[Point]:
    """The points of one generation."""
    return _ADAPTER.validate_json((store.path(spec) / _POINTS).read_bytes())


def read_trials(store: Store, spec: TrialsSpec) -> pd.DataFrame:
    """A row per point of one generation: the mean of each metric."""
    return pd.read_parquet(store.path(spec) / _TABLE)


def _proposed(spec: ProposalsSpec, store: Store) -> list[Point]:
    points: list[Point] = []
    values: list[Measured] = []
    for proposals, trials in spec.earlier:
        points += read_points(store, proposals)
        rows = read_trials(store, trials).to_dict(orient="records")
        values += [
            measured({str(name): value for name, value in row.items()}, spec.safety, spec.knowledge)
            for row in rows
        ]
    least = spec.floor * values[0].knowledge
    told = [value if value.knowledge >= least else value._replace(safety=0.0) for value in values]
    # A generator of its own for every generation of every seed.
    seed = int(np.random.SeedSequence([spec.seed, len(spec.earlier)]).generate_state(1)[0])
    return propose_points(spec.space, points, told, spec.count, seed)


def _top1(store: Store, data: DatasetSpec, pairs: Sequence[Pair]) -> list[float]:
    """Accuracy of each point on one zero-shot set, in percent."""
    dataset = read_dataset(store.path(data))
    labels, times = (dataset.rows[name].to_numpy() for name in ("label", "times"))
    found = (
        classified_right(dataset, *(read_embeddings(store, part) for part in pair))
        for pair in pairs
    )
    return [100 * float(accuracies(right[:, None], labels, times)[0, 0]) for right in found]
