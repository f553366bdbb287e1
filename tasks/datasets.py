"""A data set's tables, taken from its source into the store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from storage.formats.datasets import DataSet, columns, write_dataset
from storage.sources import Source, picture_digests
from storage.store.spec import Spec
from storage.store.store import Store
from tasks.cost import free
from tasks.stage import stage


class DatasetSpec(Spec):
    """A pair or zero-shot set by its content, whatever it is called and wherever it lies."""

    kind: ClassVar[str] = "datasets"
    content: str

    @classmethod
    def of(cls, content: str) -> DatasetSpec:
        return cls(content=content)


@stage(DatasetSpec, cost=free)
def ingest(specs: Sequence[DatasetSpec], store: Store, sources: Sequence[Source]) -> None:
    """Write the data sets' tables."""
    for spec, source in zip(specs, sources, strict=True):

        def build(folder: Path) -> None:
            write_dataset(folder, dataset_of(source))

        store.make(spec, build)


def dataset_of(source: Source) -> DataSet:
    """What is stored of a source."""
    return DataSet(
        rows=source.rows,
        digests=columns(picture_digests(source)),
        texts=columns(source.texts),
        classes=source.classes,
        quarantined=source.quarantined[["id", "reason"]],
        excluded=source.excluded,
    )
