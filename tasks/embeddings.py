"""Embeddings and evaluations, as the stages that compare backbones read them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from storage.formats.cut_texts import read_cut_texts
from storage.formats.datasets import DataSet, read_dataset
from storage.formats.embeddings import Embeddings, read_embeddings
from storage.store.spec import Spec
from storage.store.store import Store
from tasks.artifacts import Pair, TowerEmbeddingsSpec
from tasks.datasets import DatasetSpec
from uwm.metrics.concepts import displayed
from uwm.metrics.evaluation import (
    Answers,
    Measurement,
)
from uwm.metrics.intervals import YesNo
from uwm.metrics.items import Items
from uwm.metrics.registry import CLUSTER
from uwm.metrics.safeground import PairedEmbeddings
from uwm.metrics.zeroshot import class_embeddings, correct

TABLE = "results.parquet"
OUTCOMES = "outcomes"
"""A folder with a table per data set: per sample what it says to each metric."""
_LISTING = "sets.json"
"""The data sets' names, in the order of their tables."""


def read_results(store: Store, specs: Sequence[Spec]) -> pd.DataFrame:
    """The rows of several evaluations."""
    return pd.concat(
        [pd.read_parquet(store.path(spec) / TABLE) for spec in specs],
        ignore_index=True,
    )


def read_outcomes(store: Store, names: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Per data set of several evaluations (KIND/DIGEST) its outcomes, a row per sample.

    Columns: per metric whether it holds, or how large it is; of a zero-shot set its accuracy, and
    `times`, how often a sample counts. Of pairs that share pictures, `cluster`.

    Raises:
        DamagedArtifactError: an evaluation is missing or damaged.
    """
    found: dict[str, pd.DataFrame] = {}
    for name in names:
        folder = store.path(name) / OUTCOMES
        listed = json.loads((folder / _LISTING).read_text(encoding="utf-8"))
        found |= {key: pd.read_parquet(folder / f"{n}.parquet") for n, key in enumerate(listed)}
    return found


def write_outcomes(folder: Path, outcomes: Mapping[str, pd.DataFrame]) -> None:
    """Write what `read_outcomes` reads of one evaluation; a set's name is no part of a path."""
    (folder / OUTCOMES).mkdir()
    for number, table in enumerate(outcomes.values()):
        table.to_parquet(folder / OUTCOMES / f"{number}.parquet", index=False)
    (folder / OUTCOMES / _LISTING).write_text(json.dumps(list(outcomes)) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class PairRows:
    """The rows of an ingested pair set that a backbone is measured on, and what is known of them.

    Rows whose two texts are the same to its tokenizer are left out: no metric tells them apart.

    Attributes:
        kept: their positions, int64 (rows,); None for all.
        items: which of them have the same picture or text.
        concepts: each row's, as it is displayed.
        named: the cluster that the set says each is in, where it does.
    """

    kept: Tensor | None
    items: Items
    concepts: list[str]
    named: list[str] | None = None

    @property
    def clusters(self) -> NDArray[np.int64] | None:
        """Which rows are one unit of evidence, see `Items.clusters`."""
        return self.items.clusters(self.named)

    def pair(
        self, images: Embeddings, texts: Embeddings, original: PairedEmbeddings | None = None
    ) -> PairedEmbeddings:
        """The quadruples, from the embeddings of the set's partitions.

        Args:
            original: theirs before a repair; None where these are the original's.
        """
        parts = (images["safe"], images["unsafe"], texts["safe"], texts["unsafe"])
        kept = parts if self.kept is None else [part[self.kept] for part in parts]
        return PairedEmbeddings(*kept, items=self.items, original=original)


def read_rows(store: Store, pairs: DatasetSpec, text: TowerEmbeddingsSpec) -> PairRows:
    """The rows of the pair set `pairs` that a text tower can be measured on.

    Args:
        text: any of the tower's embeddings of the set; an edit does not matter.
    """
    dataset = read_dataset(store.path(pairs))
    items = Items.of(dataset.digests, dataset.texts)
    concepts = [displayed(tag) for tag in dataset.rows["concept"]]
    named = dataset.rows[CLUSTER].tolist() if CLUSTER in dataset.rows else None
    alike = set(read_cut_texts(store.path(text.data)).alike)
    if not alike:
        return PairRows(None, items, concepts, named)
    kept = [row for row in range(len(concepts)) if row not in alike]
    places = torch.tensor(kept, dtype=torch.int64)
    return PairRows(
        places,
        Items(*(part[places] for part in items)),
        [concepts[row] for row in kept],
        named and [named[row] for row in kept],
    )


def read_pair(
    store: Store, pair: Pair, rows: PairRows, original: PairedEmbeddings | None = None
) -> PairedEmbeddings:
    """The embeddings of a pair set's quadruples; `original` as of `PairRows.pair`."""
    images, texts = (read_embeddings(store, part) for part in pair)
    return rows.pair(images, texts, original)


def classified_right(dataset: DataSet, images: Embeddings, texts: Embeddings) -> YesNo:
    """Which pictures of a zero-shot set are: bool (samples,)."""
    labels = torch.tensor(dataset.classes["label"].to_numpy())
    classes = class_embeddings(texts["prompts"], labels)
    return correct(images["images"], classes, torch.tensor(_labels(dataset))).numpy()


def answers(dataset: DataSet, edited: YesNo, original: YesNo, *, unsafe: bool) -> Answers:
    """A zero-shot set's answers, to be measured."""
    times = dataset.rows["times"].to_numpy()
    return Answers(edited, original, _labels(dataset), times, unsafe)


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
