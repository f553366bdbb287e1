"""Ingestion: what a source holds, as rows, texts and references to pictures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from storage.code import code_digest
from storage.datasets import write_dataset
from storage.sources import Source
from storage.store import Spec, Store
from tasks.stage import stage


class DatasetSpec(Spec):
    """A pair or zero-shot set by its content, whatever it is called and wherever it lies."""

    kind: ClassVar[str] = "datasets"
    content: str

    @classmethod
    def of(cls, content: str) -> DatasetSpec:
        return cls(code=code_digest(__name__, "storage.datasets"), content=content)


@stage
def ingest(specs: Sequence[DatasetSpec], store: Store, sources: Sequence[Source]) -> None:
    """Write the data sets' tables."""
    for spec, source in zip(specs, sources, strict=True):
        store.make(spec, partial(write_dataset, source=source))
