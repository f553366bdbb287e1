"""One image edit with each of many text edits, measured together: a row of a sweep's grid."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import ClassVar

import pandas as pd

from storage.formats.datasets import read_dataset
from storage.formats.embeddings import Embeddings, read_embeddings
from storage.store.spec import Input, Spec
from storage.store.store import Store
from tasks.artifacts import TowerEmbeddingsSpec
from tasks.cost import free
from tasks.datasets import DatasetSpec
from tasks.embeddings import answers, classified_right, read_rows, tidy
from tasks.metrics import MetricPlugin, metrics_with
from tasks.stage import progress, stage
from uwm.metrics.evaluation import measure, measure_zeroshot
from uwm.metrics.outcomes import pair_outcomes

TABLE = "rows.parquet"
Sets = tuple[Input[TowerEmbeddingsSpec], ...]
"""One tower's embeddings: of the pair set, then of every zero-shot set."""


class GridSpec(Spec):
    """SafeGround, recalls and zero-shot accuracy of one image tower with several text towers.

    Attributes:
        pairs: the pair set's name.
        dataset: the pair set.
        zeroshot: name and data set of each zero-shot set, and which of them are `unsafe`.
        image: the image tower's embeddings.
        texts: each text tower's.
        original: both towers' before any edit.
        metrics: further ones than the built-in.
    """

    kind: ClassVar[str] = "grids"
    pairs: str
    dataset: Input[DatasetSpec]
    zeroshot: tuple[tuple[str, Input[DatasetSpec]], ...]
    unsafe: tuple[str, ...]
    image: Sets
    texts: tuple[Sets, ...]
    original: tuple[Sets, Sets]
    resamples: int
    seed: int
    metrics: tuple[MetricPlugin, ...] = ()


@stage(GridSpec, cost=free)
def measure_grid(specs: Sequence[GridSpec], store: Store) -> None:
    """Measure every text edit beside the image edit; embeddings are read once."""
    for spec in specs:

        def build(folder: Path) -> None:
            with progress("grid", "text edits measured") as tell:
                tables = []
                cells = _Cells(spec, store)
                for number, texts in enumerate(spec.texts):
                    tables.append(cells.measured(spec.image, texts).assign(text=number))
                    tell(number + 1, len(spec.texts))
            pd.concat(tables, ignore_index=True).to_parquet(folder / TABLE, index=False)

        store.make(spec, build)


class _Cells:
    """The cells of one row: what they compare with is worked out once."""

    def __init__(self, spec: GridSpec, store: Store) -> None:
        self._spec = spec
        self._datasets = [read_dataset(store.path(found)) for _, found in spec.zeroshot]

        @cache
        def read(spec: Spec) -> Embeddings:
            return read_embeddings(store, spec)

        self._read = read
        self._metrics = metrics_with(spec.metrics)
        images, texts = spec.original
        self._rows = read_rows(store, spec.dataset, texts[0])
        self._original = self._rows.pair(read(images[0]), read(texts[0]))
        self._pairs = pair_outcomes(self._original, self._metrics)
        self._right = [
            classified_right(dataset, read(image), read(text))
            for dataset, image, text in zip(self._datasets, images[1:], texts[1:], strict=True)
        ]

    def measured(self, images: Sets, texts: Sets) -> pd.DataFrame:
        """A row per data set and metric."""
        spec, draw = self._spec, (self._spec.resamples, self._spec.seed)
        embeddings = self._rows.pair(self._read(images[0]), self._read(texts[0]), self._original)
        edited = pair_outcomes(embeddings, self._metrics)
        rows = measure(spec.pairs, edited, self._pairs, *draw, self._rows.clusters)
        if self._datasets:
            sets = {
                name: answers(
                    dataset,
                    classified_right(dataset, self._read(image), self._read(text)),
                    before,
                    unsafe=name in spec.unsafe,
                )
                for (name, _), dataset, image, text, before in zip(
                    spec.zeroshot, self._datasets, images[1:], texts[1:], self._right, strict=True
                )
            }
            rows += measure_zeroshot(sets, *draw)
        return tidy(rows)


def read_grid(store: Store, spec: GridSpec) -> pd.DataFrame:
    """The rows of a grid's row: as of an evaluation, and `text`, the place of the text edit."""
    return pd.read_parquet(store.path(spec) / TABLE)
