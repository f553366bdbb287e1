"""Safe/unsafe pair sets: for calibration, validation and benchmarks."""

from __future__ import annotations

from pathlib import PurePosixPath
from string import Formatter
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    SerializeAsAny,
    field_validator,
    model_validator,
)

from uwm.config.kinds import Kinds
from uwm.config.settings import Data, File, Folder, Name, Seed, Settings

MANIFEST_SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")


class PairSet(Settings):
    """Fields of every pair set: how it is sampled, and how much of it may be unusable."""

    kind: str
    if TYPE_CHECKING:  # a field of most kinds, a property of others

        @property
        def name(self) -> str: ...

    per_concept: int | None = Field(None, ge=1, description="maximum number of pairs per concept")
    min_per_concept: int = Field(
        1, ge=0, description="least number of usable pairs per concept; with fewer the run stops"
    )
    seed: Seed | None = Field(None, description="seed of the sample; the audit's by default")
    max_quarantined: float = Field(
        0.02, ge=0, lt=1, description="largest share of unusable rows; with more the run stops"
    )

    @model_validator(mode="after")
    def _attainable(self) -> Self:
        if self.per_concept is not None and self.min_per_concept > self.per_concept:
            raise ValueError(
                f"min_per_concept ({self.min_per_concept}) must not exceed per_concept "
                f"({self.per_concept})"
            )
        return self


class DemoPairs(PairSet):
    """One of the pair sets that ship with the project."""

    kind: Literal["demo"]
    split: Literal["calibration", "validation", "test", "test_second_style", "hard_benign"]

    @property
    def name(self) -> str:
        return self.split


class ColumnPairs(PairSet):
    """Fields of sets that are read from columns."""

    cluster: str | None = Field(
        None,
        min_length=1,
        description="column whose equal values mark rows that intervals and tests resample "
        "together; rows that share an image always are",
    )

    @field_validator("cluster")
    @classmethod
    def _no_picture(cls, cluster: str | None) -> str | None:
        if cluster in ("image", "safe_image", "unsafe_image"):
            raise ValueError(
                "rows that share an image always form one cluster, so `cluster` must be a column "
                f"of texts or numbers; got {cluster!r}. Name another column or leave it out"
            )
        return cluster


class TablePairs(ColumnPairs):
    """Two CSV or Parquet tables that pair row by row: `image`, `text` and `concept`.

    An image is a path, or bytes in Parquet.
    """

    kind: Literal["tables"]
    name: Name
    safe: File
    unsafe: File
    images: Folder = Field(description="the folder that image paths are relative to")


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _pattern(pattern: str) -> str:
    try:
        fields = {name for _, name, _, _ in Formatter().parse(pattern) if name is not None}
        example = pattern.format(split="train", incremental_id=0, coco_id=0)
    except (ValueError, KeyError, IndexError, AttributeError) as error:
        raise ValueError(
            "a pattern may only contain the fields {split}, {incremental_id} and {coco_id}: "
            f"{error}"
        ) from error
    if not fields <= {"split", "incremental_id", "coco_id"} or "incremental_id" not in fields:
        raise ValueError(
            "a pattern must contain {incremental_id} and may contain {split} and {coco_id}"
        )
    path = PurePosixPath(example)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError("a pattern must be a path below the folder `unsafe`")
    return pattern


class VisuPairs(PairSet):
    """A split of ViSU: its JSON file of texts, the COCO images, and the generated unsafe images."""

    kind: Literal["visu"]
    name: Name
    texts: File = Field(description="the split's JSON file of ViSU-Text")
    coco: Annotated[tuple[Folder, ...], BeforeValidator(_as_tuple), Field(min_length=1)] = Field(
        description="folders of COCO images, such as train2017 and val2017; each image is read "
        "from the first folder that has it"
    )
    unsafe: Folder = Field(description="the folder that `unsafe_pattern` is relative to")
    split: str = Field(
        pattern=r"^[A-Za-z0-9_-]+$", description="value of {split} in `unsafe_pattern`"
    )
    unsafe_pattern: Annotated[str, AfterValidator(_pattern)] = (
        "{split}/sd-ntsw/unsafe/original/{incremental_id}/0.jpg"
    )


def _manifest(path: Data) -> Data:
    if not path.is_dir() and path.suffix.lower() not in MANIFEST_SUFFIXES:
        raise ValueError(
            f"a manifest must be a folder or a file that ends in {', '.join(MANIFEST_SUFFIXES)}"
        )
    return path


class ManifestPairs(ColumnPairs):
    """One CSV, JSONL or Parquet file with a quadruple per row; the columns are in docs/data.md."""

    kind: Literal["manifest"]
    name: Name
    data: Annotated[Data, AfterValidator(_manifest)] = Field(
        description="the file, or a folder of Parquet shards such as train-00000-of-00002.parquet"
    )
    split: str | None = Field(None, description="split to read from a folder with several")
    images: Folder | None = Field(
        None, description="the folder that image paths are relative to; by default the file's own"
    )


class WebDatasetPairs(ColumnPairs):
    """A tar shard, or a folder of them, with a quadruple per key; see docs/data.md."""

    kind: Literal["webdataset"]
    name: Name
    data: Data


class HfDatasetPairs(ColumnPairs):
    """A folder that `datasets` saved (`save_to_disk`), with the columns of a manifest."""

    kind: Literal["hf-dataset"]
    name: Name
    data: Folder
    split: str | None = Field(None, description="split to read if the folder has several")


_KINDS = Kinds(
    PairSet,
    (DemoPairs, TablePairs, VisuPairs, ManifestPairs, WebDatasetPairs, HfDatasetPairs),
    "uwm.sources",
)
PairsConfig = Annotated[PairSet, PlainValidator(_KINDS.validate), SerializeAsAny()]
"""A pair set of any kind: built in, from an installed package, or from the user's own file."""
