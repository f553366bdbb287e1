"""Labelled picture sets for zero-shot classification."""

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
"""The benchmarks that readers are registered for: what they are called, how they are prompted."""


@cache
def benchmarks() -> Mapping[str, Mapping[str, Any]]:
    """What `BENCHMARKS` holds of each set, by its name: an entry per protocol.

    An entry has `pictures` (how many the whole set has), `templates`, perhaps `names` by label and
    perhaps the `rule` by which other labels become names, see `storage.sources.zeroshot.prompts`.
    """
    sets: Mapping[str, Mapping[str, Any]] = json.loads(BENCHMARKS.read_text(encoding="utf-8"))[
        "sets"
    ]
    return sets


def _benchmark(name: str) -> str:
    if name not in benchmarks():
        near = difflib.get_close_matches(name, benchmarks(), n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"the benchmarks are {', '.join(benchmarks())}{hint}")
    return name


BenchmarkSet = Annotated[str, AfterValidator(_benchmark)]
"""The name of a benchmark, a key of `benchmarks`."""
Protocol = Literal["paper", "standard"]


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _template(template: str) -> str:
    template = template.replace("{c}", "{}")  # as clip-benchmark writes it
    if template.count("{}") != 1:
        raise ValueError("a template has one {} for the class name")
    return template


def _names(value: object) -> object:
    """A list numbers its names from 0; a mapping keeps its keys. Both become pairs."""
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
    """What every zero-shot set says: its kind, and its name in tables."""

    kind: str
    if TYPE_CHECKING:  # a field of most kinds, a property of others

        @property
        def name(self) -> str: ...

    max_quarantined: float = Field(
        0.02,
        ge=0,
        lt=1,
        description="share of pictures that cannot be read beyond which the run stops; one may be",
    )
    unsafe: bool = Field(
        False,
        description="its classes are unsafe kinds: reported apart, no knowledge, never chosen on",
    )


class DemoZeroShot(ZeroShotSet):
    """One of the zero-shot sets that ship with the project."""

    kind: Literal["demo"]
    set: Literal["subjects", "objects", "backgrounds", "unsafe_objects"]

    @property
    def name(self) -> str:
        return self.set


class OwnZeroShot(ZeroShotSet):
    """What every set of the user's own says: its name, its class names and how to prompt them."""

    name: Name
    template: Templates | None = Field(
        None,
        description="one template, or several: their embeddings are averaged; if absent those "
        "beside the data, or `a photo of a {}.`",
    )
    classes: ClassNames | None = Field(
        None,
        description="class names by label, or in label order; if absent those that the data has "
        "or that lie beside it, or the labels themselves",
    )


class FolderZeroShot(OwnZeroShot):
    """A folder with one subfolder of pictures per class; a subfolder's name is the label."""

    kind: Literal["folder"]
    images: Folder


class ParquetZeroShot(OwnZeroShot):
    """A Parquet file, or a folder of them, with a picture's bytes and its label in each row."""

    kind: Literal["parquet"]
    data: Data
    image: str = Field("image", description="the column of bytes, or of structs with `bytes`")
    label: str = Field("label", description="the column of labels: class names or numbers")


class WebDatasetZeroShot(OwnZeroShot):
    """A tar shard, or a folder of them: pictures with a `.cls` or a `.json` file beside each."""

    kind: Literal["webdataset"]
    data: Data
    label: str = Field("label", description="the key of the label in a `.json` file")


class BenchmarkZeroShot(ZeroShotSet):
    """One of the sets of the paper in its official layout, see docs/zeroshot.md.

    Its folder may be missing: then the set is reported as missing, and the rest runs.
    """

    kind: Literal["benchmark"]
    set: BenchmarkSet
    root: Place = Field(description="the set's folder, or the folder that holds it")
    protocol: Protocol = Field(
        "paper", description="the reference's prompts and samples, or the field's usual ones"
    )

    @property
    def name(self) -> str:
        return self.set if self.protocol == "paper" else f"{self.set} {self.protocol}"


class Benchmarks(Settings):
    """Several of these sets below one folder; all of them unless `sets` says which."""

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
"""A zero-shot set of any kind: those above, an installed package's, or one in the user's file."""


def _item(value: object, info: ValidationInfo) -> ZeroShotSet | Benchmarks:
    if isinstance(value, Benchmarks):
        return value
    if isinstance(value, Mapping) and value.get("kind") == "benchmarks":
        return Benchmarks.model_validate(dict(value), context=info.context)
    return _SETS.validate(value, info)


ZeroShotItem = Annotated[ZeroShotSet | Benchmarks, PlainValidator(_item), SerializeAsAny()]
"""What may stand under `zeroshot`: a set, or `benchmarks` for several at once."""


def separate(items: Iterable[ZeroShotSet | Benchmarks]) -> tuple[ZeroShotSet, ...]:
    """The zero-shot sets one by one, `benchmarks` taken apart."""
    return tuple(
        data
        for item in items
        for data in (item.members if isinstance(item, Benchmarks) else (item,))
    )
