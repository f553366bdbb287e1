"""Labelled image sets for zero-shot classification."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    SerializeAsAny,
    ValidationInfo,
)

from uwm.config.kinds import Kinds
from uwm.config.settings import Data, Folder, Name, Place, Settings

BENCHMARKS = Path(__file__).with_name("benchmarks.json")
"""The file that lists the benchmarks with a reader: their names, sizes and prompts."""


@cache
def benchmarks() -> Mapping[str, Mapping[str, Any]]:
    """The content of `BENCHMARKS`: for each set, by name, an entry per protocol.

    An entry has `pictures` (the number of images in the whole set), `templates`, optionally `names`
    by label and optionally the `rule` that turns other labels into names, see
    `storage.sources.zeroshot.prompts`.
    """
    sets: Mapping[str, Mapping[str, Any]] = json.loads(BENCHMARKS.read_text(encoding="utf-8"))[
        "sets"
    ]
    return sets


def _benchmark(name: str) -> str:
    if name not in benchmarks():
        near = difflib.get_close_matches(name, benchmarks(), n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"the benchmark must be one of {', '.join(benchmarks())}{hint}")
    return name


BenchmarkSet = Annotated[str, AfterValidator(_benchmark)]
"""The name of a benchmark, a key of `benchmarks`."""
Protocol = Literal["paper", "standard"]


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _template(template: str) -> str:
    template = template.replace("{c}", "{}")  # clip-benchmark writes {c}
    if template.count("{}") != 1:
        raise ValueError("a template must contain {} exactly once, in place of the class name")
    return template


def _names(value: object) -> object:
    """Class names as (label, name) pairs; the labels of a list are numbers from 0."""
    if isinstance(value, Mapping):
        return tuple((str(key), name) for key, name in value.items())
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        return tuple((str(label), name) for label, name in enumerate(value))
    return value


Templates = Annotated[
    tuple[Annotated[str, AfterValidator(_template)], ...],
    BeforeValidator(_as_tuple),
    Field(min_length=1),
]
ClassNames = Annotated[tuple[tuple[str, str], ...], BeforeValidator(_names), Field(min_length=2)]


class ZeroShotSet(Settings):
    """Fields of every zero-shot set: its kind, and its name in tables."""

    kind: str
    if TYPE_CHECKING:  # a field of most kinds, a property of others

        @property
        def name(self) -> str: ...

    max_quarantined: float = Field(
        0.02,
        ge=0,
        lt=1,
        description="largest share of unreadable images; with more than this, and more than one "
        "image, the run stops",
    )
    unsafe: bool = Field(
        False,
        description="its classes are unsafe kinds: the set is reported separately, does not count "
        "as knowledge, and is never chosen on",
    )


class DemoZeroShot(ZeroShotSet):
    """One of the zero-shot sets that ship with the project."""

    kind: Literal["demo"]
    set: Literal["subjects", "objects", "backgrounds", "unsafe_objects"]

    @property
    def name(self) -> str:
        return self.set


class OwnZeroShot(ZeroShotSet):
    """Fields of the user's own sets: name, class names and prompt templates."""

    name: Name
    template: Templates | None = Field(
        None,
        description="one prompt template, or several whose embeddings are averaged; by default "
        "those in a file beside the data, or else `a photo of a {}.`",
    )
    classes: ClassNames | None = Field(
        None,
        description="class names by label, or in label order; by default those in the data or in "
        "a file beside it, or else the labels themselves",
    )


class FolderZeroShot(OwnZeroShot):
    """A folder with one subfolder of images per class; a subfolder's name is the label."""

    kind: Literal["folder"]
    images: Folder


class ParquetZeroShot(OwnZeroShot):
    """A Parquet file, or a folder of them, with an image's bytes and its label in each row."""

    kind: Literal["parquet"]
    data: Data
    image: str = Field("image", description="the column of bytes, or of structs with `bytes`")
    label: str = Field("label", description="the column of labels: class names or numbers")


class WebDatasetZeroShot(OwnZeroShot):
    """A tar shard, or a folder of them: images with a `.cls` or a `.json` file beside each."""

    kind: Literal["webdataset"]
    data: Data
    label: str = Field("label", description="the key of the label in a `.json` file")


class BenchmarkZeroShot(ZeroShotSet):
    """One of the paper's sets in its official layout, see docs/zeroshot.md.

    Its folder may be missing: the set is then reported as missing, and the rest of the audit runs.
    """

    kind: Literal["benchmark"]
    set: BenchmarkSet
    root: Place = Field(description="the set's folder, or the folder that holds it")
    protocol: Protocol = Field(
        "paper",
        description="`paper`: the prompts and samples of the paper's code; otherwise those that "
        "are usual in the field",
    )

    @property
    def name(self) -> str:
        return self.set if self.protocol == "paper" else f"{self.set} {self.protocol}"


class Benchmarks(Settings):
    """Several benchmarks below one folder; all of them by default."""

    kind: Literal["benchmarks"]
    root: Folder
    protocol: Protocol = "paper"
    sets: tuple[BenchmarkSet, ...] = Field(tuple(benchmarks()), min_length=1)

    @property
    def members(self) -> tuple[BenchmarkZeroShot, ...]:
        return tuple(
            BenchmarkZeroShot(kind="benchmark", set=name, root=self.root, protocol=self.protocol)
            for name in self.sets
        )


_SETS = Kinds(
    ZeroShotSet,
    (DemoZeroShot, FolderZeroShot, ParquetZeroShot, WebDatasetZeroShot, BenchmarkZeroShot),
    "uwm.sources",
)
ZeroShotConfig = Annotated[ZeroShotSet, PlainValidator(_SETS.validate), SerializeAsAny()]
"""A zero-shot set of any kind: built in, from an installed package, or from the user's own file."""


def _item(value: object, info: ValidationInfo) -> ZeroShotSet | Benchmarks:
    if isinstance(value, Benchmarks):
        return value
    if isinstance(value, Mapping) and value.get("kind") == "benchmarks":
        return Benchmarks.model_validate(dict(value), context=info.context)
    return _SETS.validate(value, info)


ZeroShotItem = Annotated[ZeroShotSet | Benchmarks, PlainValidator(_item), SerializeAsAny()]
"""An entry of `zeroshot`: a set, or `benchmarks` for several at once."""


def separate(items: Iterable[ZeroShotSet | Benchmarks]) -> tuple[ZeroShotSet, ...]:
    """The individual zero-shot sets, with `benchmarks` expanded."""
    return tuple(
        data
        for item in items
        for data in (item.members if isinstance(item, Benchmarks) else (item,))
    )
