"""Embeddings and evaluations, as the stages that compare backbones read them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from storage.formats.datasets import DataSet, read_dataset
from storage.formats.embeddings import Embeddings, read_embeddings
from storage.store.spec import Spec
from storage.store.store import Store
from uwm.metrics.concepts import displayed
from uwm.metrics.evaluation import (
    Answers,
    Measurement,
)
from uwm.metrics.intervals import YesNo
from uwm.metrics.items import Items
from uwm.metrics.safeground import PairedEmbeddings
from uwm.metrics.zeroshot import class_embeddings, correct

TABLE = "results.parquet"
OUTCOMES = "outcomes"
"""A folder with a table per data set: per sample what it says to each metric."""
Pair = tuple[str, str]
"""Digests of a data set's image and text embeddings."""


def read_results(store: Store, specs: Sequence[Spec]) -> pd.DataFrame:
    """The rows of several evaluations."""
    return pd.concat(
        [pd.read_parquet(store.path(spec.kind, spec.digest) / TABLE) for spec in specs],
        ignore_index=True,
    )


def read_outcomes(store: Store, names: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Per data set of several evaluations (KIND/DIGEST) its outcomes, a row per sample.

    Columns: per metric whether it holds, or how large it is; of a zero-shot set its accuracy, and
    `times`, how often a sample counts. Of pairs that share pictures, `cluster`.

    Raises:
        DamagedArtifactError: an evaluation is missing or damaged.
    """
    return {
        path.stem: pd.read_parquet(path)
        for name in names
        for path in sorted((store.path(*name.split("/")) / OUTCOMES).glob("*.parquet"))
    }


def read_pair(store: Store, image: str, text: str, items: Items) -> PairedEmbeddings:
    """The embeddings of a pair set's quadruples."""
    return paired(read_embeddings(store, image), read_embeddings(store, text), items)


def paired(images: Embeddings, texts: Embeddings, items: Items) -> PairedEmbeddings:
    """A pair set's quadruples from the embeddings of its partitions."""
    return PairedEmbeddings(
        images["safe"], images["unsafe"], texts["safe"], texts["unsafe"], items=items
    )


def read_items(store: Store, digest: str) -> Items:
    """Which rows of an ingested pair set have the same picture or text."""
    dataset = read_dataset(store.path("datasets", digest))
    return Items.of(dataset.digests, dataset.texts)


def classified_right(dataset: DataSet, images: Embeddings, texts: Embeddings) -> YesNo:
    """Which pictures of a zero-shot set are: bool (samples,)."""
    labels = torch.tensor(dataset.classes["label"].to_numpy())
    classes = class_embeddings(texts["prompts"], labels)
    return correct(images["images"], classes, torch.tensor(_labels(dataset))).numpy()


def answers(dataset: DataSet, edited: YesNo, original: YesNo) -> Answers:
    """A zero-shot set's answers, to be measured."""
    return Answers(edited, original, _labels(dataset), dataset.rows["times"].to_numpy())


def read_concepts(store: Store, digest: str) -> list[str]:
    """The concept of every quadruple of a pair set, as it is displayed."""
    return [displayed(tag) for tag in read_dataset(store.path("datasets", digest)).rows["concept"]]


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


def digests(pair: tuple[Spec, Spec]) -> Pair:
    """Of a pair set's image and text embeddings."""
    image, text = pair
    return image.digest, text.digest
