"""A data set's tables, taken from its source into the store."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar, NamedTuple, Self

from pydantic import BaseModel, Field, TypeAdapter

from storage.formats.datasets import DataSet, columns, write_dataset
from storage.sources import (
    Source,
    content_digest,
    digested,
    picture_digests,
    read_source,
    without_unreadable,
)
from storage.store.integrity import size
from storage.store.spec import Spec
from storage.store.store import Store
from tasks.cost import Cost
from tasks.stage import stage
from uwm.backbones.backbone import Backbone
from uwm.config import PairsConfig, PairSet, ZeroShotConfig, ZeroShotSet
from uwm.errors import SourceError

DataConfig = PairsConfig | ZeroShotConfig
_PAIRS: TypeAdapter[PairsConfig] = TypeAdapter(PairsConfig)
_ZEROSHOT: TypeAdapter[ZeroShotConfig] = TypeAdapter(ZeroShotConfig)


class DataSettings(BaseModel, frozen=True, extra="forbid"):
    """Where a data set lies and how it is read, in plain values, so that any process can read it.

    Attributes:
        pairs: whether it is a pair set, or else one for zero-shot classification.
        settings: its part of the audit's configuration, as JSON.
        seed: the audit's.
    """

    pairs: bool
    settings: str
    seed: int

    @classmethod
    def of(cls, config: DataConfig, seed: int) -> Self:
        pairs = isinstance(config, PairSet)
        return cls(pairs=pairs, settings=config.model_dump_json(), seed=seed)

    @property
    def config(self) -> DataConfig:
        adapter: TypeAdapter[PairsConfig] | TypeAdapter[ZeroShotConfig]
        adapter = _PAIRS if self.pairs else _ZEROSHOT
        return adapter.validate_json(self.settings)


class Rows(NamedTuple):
    """The shape of a table of pictures or texts: a column per partition."""

    samples: int
    partitions: int


class DatasetSpec(Spec):
    """A pair or zero-shot set by its content, whatever it is called and wherever it lies.

    Attributes:
        settings: what to read it by, `pictures` and `texts` how many it has. These are no part of
            its digest: the same content may lie elsewhere.
    """

    kind: ClassVar[str] = "datasets"
    content: str
    settings: DataSettings = Field(exclude=True, repr=False)
    pictures: Rows = Field(exclude=True)
    texts: Rows = Field(exclude=True)

    @classmethod
    def of(cls, source: Source, settings: DataSettings) -> Self:
        """What is read by these settings."""
        return cls(
            content=content_digest(source),
            settings=settings,
            pictures=Rows(*source.images.shape),
            texts=Rows(*source.texts.shape),
        )

    @property
    def source(self) -> Source:
        """The data set itself, read once per process.

        Raises:
            SourceError: it cannot be read, or has changed since the spec was made.
        """
        source, found = identify(self.settings.config, self.settings.seed)
        if found.content != self.content:
            raise SourceError(
                "a run reads its data more than once; a data set has changed meanwhile, or lies "
                f"otherwise on this machine ({self.settings.settings}). Run again."
            )
        return source


@lru_cache(maxsize=64)
def identify(config: DataConfig, seed: int) -> tuple[Source, DatasetSpec]:
    """A data set and its spec; read and digested once per process.

    Raises:
        SourceError: see `storage.sources.read_source`.
    """
    source = read_source(config, seed)
    if isinstance(config, ZeroShotSet):
        source = without_unreadable(source, config.name, config.max_quarantined)
    source = digested(source)
    return source, DatasetSpec.of(source, DataSettings.of(config, seed))


def _cost(spec: DatasetSpec, backbone: Backbone) -> Cost:
    source = spec.source
    return Cost(partial(_stored_bytes, source), len(source.rows))


def _stored_bytes(source: Source) -> int:
    with TemporaryDirectory() as folder:
        write_dataset(Path(folder), dataset_of(source))
        return size(Path(folder))


@stage(DatasetSpec, cost=_cost)
def ingest(specs: Sequence[DatasetSpec], store: Store) -> None:
    """Write the data sets' tables."""
    for spec in specs:

        def build(folder: Path) -> None:
            write_dataset(folder, dataset_of(spec.source))

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
