"""Benchmark evaluation: metrics with intervals, and their change from the original."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import pandas as pd

from storage.formats.datasets import read_dataset
from storage.formats.embeddings import read_embeddings
from storage.store.spec import Input, Spec
from storage.store.store import Store
from tasks.artifacts import Pair
from tasks.cost import free
from tasks.datasets import DatasetSpec
from tasks.embeddings import (
    TABLE,
    PairRows,
    answers,
    classified_right,
    read_pair,
    read_rows,
    tidy,
    write_outcomes,
)
from tasks.metrics import MetricPlugin, metrics_with
from tasks.stage import progress, stage
from uwm.metrics.evaluation import (
    Measurement,
    measure,
    measure_concepts,
    measure_zeroshot,
)
from uwm.metrics.intervals import Outcomes
from uwm.metrics.outcomes import pair_outcomes
from uwm.metrics.registry import CLUSTER, TIMES
from uwm.metrics.safeground import PairedEmbeddings
from uwm.metrics.zeroshot import metric_names


class SafetySpec(Spec):
    """SafeGround and recalls of an edited backbone on one pair set.

    Attributes:
        dataset: what results call the pair set.
        concepts: rows per concept besides those of the whole.
        metrics: further ones than the built-in.
    """

    kind: ClassVar[str] = "results"
    dataset: str
    edited: Pair
    original: Pair
    resamples: int
    seed: int
    pairs: Input[DatasetSpec]
    concepts: bool = True
    metrics: tuple[MetricPlugin, ...] = ()


class KnowledgeSpec(Spec):
    """Zero-shot accuracy of an edited backbone on several sets, by name, and its mean.

    Attributes:
        unsafe: names of those whose classes are unsafe kinds.
    """

    kind: ClassVar[str] = "results"
    datasets: tuple[tuple[str, Input[DatasetSpec]], ...]
    edited: tuple[Pair, ...]
    original: tuple[Pair, ...]
    resamples: int
    seed: int
    unsafe: tuple[str, ...] = ()


@stage(SafetySpec, KnowledgeSpec, cost=free)
def evaluate(specs: Sequence[SafetySpec | KnowledgeSpec], store: Store) -> None:
    """Measure an edited backbone on every benchmark."""
    with progress("evaluate", "benchmarks evaluated") as tell:
        for done, spec in enumerate(specs, 1):

            def build(folder: Path) -> None:
                rows, outcomes = (
                    _safety(spec, store)
                    if isinstance(spec, SafetySpec)
                    else _knowledge(spec, store)
                )
                tidy(rows).to_parquet(folder / TABLE, index=False)
                write_outcomes(folder, outcomes)

            store.make(spec, build)
            tell(done, len(specs))


Found = tuple[list[Measurement], dict[str, pd.DataFrame]]
"""The metrics, and per data set the outcomes of the edited backbone."""


def _safety(spec: SafetySpec, store: Store) -> Found:
    metrics = metrics_with(spec.metrics)
    kept, before, original = _before(store.url, spec.pairs, spec.original, spec.metrics)
    edited = original
    if spec.edited != spec.original:
        edited = pair_outcomes(read_pair(store, spec.edited, kept, before), metrics)
    clusters = kept.clusters
    rows = measure(spec.dataset, edited, original, spec.resamples, spec.seed, clusters)
    if spec.concepts:
        concepts = kept.concepts
        rows += measure_concepts(spec.dataset, edited, original, concepts, metrics, clusters)
    table = pd.DataFrame(edited)
    if clusters is not None:
        table[CLUSTER] = clusters
    return rows, {spec.dataset: table}


@lru_cache(maxsize=2)
def _before(
    store: str, pairs: DatasetSpec, original: Pair, metrics: tuple[MetricPlugin, ...]
) -> tuple[PairRows, PairedEmbeddings, dict[str, Outcomes]]:
    """The rows of a pair set, and the original's embeddings and outcomes: the same for every
    method that is held against them."""
    at = Store(store)
    kept = read_rows(at, pairs, original[1])
    before = read_pair(at, original, kept)
    return kept, before, pair_outcomes(before, metrics_with(metrics))


def _knowledge(spec: KnowledgeSpec, store: Store) -> Found:
    sets = {}
    for (name, found), edited, original in zip(
        spec.datasets, spec.edited, spec.original, strict=True
    ):
        dataset = read_dataset(store.path(found))
        after, before = (
            classified_right(dataset, *(read_embeddings(store, part) for part in pair))
            for pair in (edited, original)
        )
        sets[name] = answers(dataset, after, before, unsafe=name in spec.unsafe)
    outcomes = {
        name: pd.DataFrame({metric_names(unsafe=found.unsafe)[0]: found.edited, TIMES: found.times})
        for name, found in sets.items()
    }
    return measure_zeroshot(sets, spec.resamples, spec.seed), outcomes
