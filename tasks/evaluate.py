"""Benchmark evaluation: metrics with intervals, and their change from the original."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from storage.code import code_digest
from storage.datasets import DataSet, read_dataset
from storage.sources.concepts import displayed
from storage.store import Spec, Store
from tasks.embed import EmbeddingsSpec, read_embeddings
from tasks.stage import progress, stage
from uwm.evaluation import (
    Answers,
    Measurement,
    measure,
    measure_concepts,
    measure_zeroshot,
    pair_outcomes,
)
from uwm.intervals import Outcomes
from uwm.safeground import PairedEmbeddings
from uwm.zeroshot import class_embeddings, correct

TABLE = "results.parquet"
OUTCOMES = "outcomes"
"""A folder with a table per data set: per sample which metrics it fulfils."""
Embeddings = Mapping[str, Tensor]
"""Of every partition of a data set, by its name."""
Pair = tuple[str, str]
"""Digests of a data set's image and text embeddings."""


class SafetySpec(Spec):
    """SafeGround and recalls of an edited backbone on one pair set.

    Attributes:
        pairs: digest of the pair set, for rows per concept besides; None for the whole alone.
    """

    kind: ClassVar[str] = "results"
    dataset: str
    edited: Pair
    original: Pair
    resamples: int
    seed: int
    pairs: str | None = None


class KnowledgeSpec(Spec):
    """Zero-shot accuracy of an edited backbone on several sets, by name, and its mean."""

    kind: ClassVar[str] = "results"
    datasets: tuple[tuple[str, str], ...]
    edited: tuple[Pair, ...]
    original: tuple[Pair, ...]
    resamples: int
    seed: int


def safety_spec(
    dataset: str,
    edited: tuple[EmbeddingsSpec, EmbeddingsSpec],
    original: tuple[EmbeddingsSpec, EmbeddingsSpec],
    resamples: int,
    seed: int,
    pairs: Spec | None = None,
) -> SafetySpec:
    """The evaluation on pair set `dataset` (its name, for the results), per concept of `pairs`."""
    return SafetySpec(
        code=code_digest(__name__),
        dataset=dataset,
        edited=digests(edited),
        original=digests(original),
        resamples=resamples,
        seed=seed,
        pairs=pairs and pairs.digest,
    )


def knowledge_spec(
    datasets: Sequence[tuple[str, Spec]],
    edited: Sequence[tuple[EmbeddingsSpec, EmbeddingsSpec]],
    original: Sequence[tuple[EmbeddingsSpec, EmbeddingsSpec]],
    resamples: int,
    seed: int,
) -> KnowledgeSpec:
    """The evaluation on zero-shot sets, given by name and ingested data set."""
    return KnowledgeSpec(
        code=code_digest(__name__),
        datasets=tuple((name, dataset.digest) for name, dataset in datasets),
        edited=tuple(map(digests, edited)),
        original=tuple(map(digests, original)),
        resamples=resamples,
        seed=seed,
    )


@stage
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
                (folder / OUTCOMES).mkdir()
                for name, table in outcomes.items():
                    table.to_parquet(folder / OUTCOMES / f"{name}.parquet", index=False)

            store.make(spec, build)
            tell(done, len(specs))


def read_results(store: Store, specs: Sequence[Spec]) -> pd.DataFrame:
    """The rows of several evaluations."""
    return pd.concat(
        [pd.read_parquet(store.path(spec.kind, spec.digest) / TABLE) for spec in specs],
        ignore_index=True,
    )


def read_outcomes(store: Store, names: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Per data set of several evaluations (KIND/DIGEST) its outcomes, a row per sample.

    Columns: bool per metric; of a zero-shot set `top1`, and `times`, how often a sample counts.

    Raises:
        DamagedArtifactError: an evaluation is missing or damaged.
    """
    return {
        path.stem: pd.read_parquet(path)
        for name in names
        for path in sorted((store.path(*name.split("/")) / OUTCOMES).glob("*.parquet"))
    }


def read_pair(store: Store, image: str, text: str) -> PairedEmbeddings:
    """The embeddings of a pair set's quadruples."""
    return paired(read_embeddings(store, image), read_embeddings(store, text))


def paired(images: Embeddings, texts: Embeddings) -> PairedEmbeddings:
    """A pair set's quadruples from the embeddings of its partitions."""
    return PairedEmbeddings(images["safe"], images["unsafe"], texts["safe"], texts["unsafe"])


def classified_right(dataset: DataSet, images: Embeddings, texts: Embeddings) -> Outcomes:
    """Which pictures of a zero-shot set are: bool (samples,)."""
    labels = torch.tensor(dataset.classes["label"].to_numpy())
    classes = class_embeddings(texts["prompts"], labels)
    return correct(images["images"], classes, torch.tensor(_labels(dataset))).numpy()


def answers(dataset: DataSet, edited: Outcomes, original: Outcomes) -> Answers:
    """A zero-shot set's answers, to be measured."""
    return Answers(edited, original, _labels(dataset), dataset.rows["times"].to_numpy())


def read_concepts(store: Store, digest: str) -> list[str]:
    """The concept of every quadruple of a pair set, as it is displayed."""
    return [displayed(tag) for tag in read_dataset(store.path("datasets", digest)).rows["concept"]]


Found = tuple[list[Measurement], dict[str, pd.DataFrame]]
"""The metrics, and per data set the outcomes of the edited backbone."""


def _safety(spec: SafetySpec, store: Store) -> Found:
    original = pair_outcomes(read_pair(store, *spec.original))
    edited = original
    if spec.edited != spec.original:
        edited = pair_outcomes(read_pair(store, *spec.edited))
    rows = measure(spec.dataset, edited, original, spec.resamples, spec.seed)
    if spec.pairs is not None:
        concepts = read_concepts(store, spec.pairs)
        rows += measure_concepts(spec.dataset, edited, original, concepts)
    return rows, {spec.dataset: pd.DataFrame(edited)}


def _knowledge(spec: KnowledgeSpec, store: Store) -> Found:
    sets = {}
    for (name, digest), edited, original in zip(
        spec.datasets, spec.edited, spec.original, strict=True
    ):
        dataset = read_dataset(store.path("datasets", digest))
        after, before = (
            classified_right(dataset, *(read_embeddings(store, part) for part in pair))
            for pair in (edited, original)
        )
        sets[name] = answers(dataset, after, before)
    outcomes = {
        name: pd.DataFrame({"top1": found.edited, "times": found.times})
        for name, found in sets.items()
    }
    return measure_zeroshot(sets, spec.resamples, spec.seed), outcomes


def _labels(dataset: DataSet) -> NDArray[np.int64]:
    return dataset.rows["label"].to_numpy()


def tidy(rows: Sequence[Measurement]) -> pd.DataFrame:
    """A row per measurement."""
    return pd.DataFrame(
        [
            {
                "dataset": row.dataset,
                "concept": row.concept,
                "metric": row.metric,
                "value": row.value.value,
                "low": row.value.low,
                "high": row.value.high,
                "n": row.n,
                "change": row.change.value,
                "change_low": row.change.low,
                "change_high": row.change.high,
            }
            for row in rows
        ]
    )


def digests(pair: tuple[EmbeddingsSpec, EmbeddingsSpec]) -> Pair:
    """Of a pair set's image and text embeddings."""
    image, text = pair
    return image.digest, text.digest
