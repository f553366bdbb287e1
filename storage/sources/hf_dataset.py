"""Quadruples in a folder that Hugging Face's `datasets` saved.

The folder is read as what it is, Arrow streams beside two JSON files. The library itself would open
whatever its `state.json` names and build whatever types its `dataset_info.json` names, wherever the
folder came from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
from pydantic import BaseModel, Field, ValidationError

from storage.files.tables import bytes_column, holds_bytes
from storage.sources.quadruples import COLUMNS, IMAGES, quadruple_source
from storage.sources.readers import reads
from storage.sources.source import Source, within
from uwm.config import HfDatasetPairs
from uwm.errors import SourceError

_FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$")]


class _DataFile(BaseModel):
    filename: _FileName


class _State(BaseModel):
    """`state.json`: the Arrow files in their order."""

    files: Annotated[list[_DataFile], Field(alias="_data_files", min_length=1)]


class _Info(BaseModel):
    """`dataset_info.json`: what columns hold; a class label's column holds numbers of names."""

    features: dict[str, Any]

    def names(self, column: str) -> list[str] | None:
        feature = self.features.get(column)
        named = isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        return [str(name) for name in feature["names"]] if named and feature else None


class _Splits(BaseModel):
    """`dataset_dict.json`, where the folder holds several splits."""

    splits: list[_FileName]


@reads(HfDatasetPairs)
def hf_dataset_pairs(config: HfDatasetPairs) -> Source:
    """The rows of a saved data set, in its order; pictures stay in its memory-mapped files.

    A picture that is known by its path alone counts as absent: the path may lead anywhere.

    Raises:
        SourceError: the folder is not a saved data set, the split or a column is missing, or cells
            are malformed.
    """
    folder = _split(config)
    try:
        return _source(
            _table(folder),
            _Info.model_validate_json(_text(folder, "dataset_info.json")),
            config.cluster,
        )
    except (OSError, ValidationError, KeyError, pa.ArrowException) as error:
        raise SourceError(
            f"{folder} is not a folder that `save_to_disk` made, or is damaged: {error}"
        ) from error
    except SourceError as error:
        raise SourceError(f"{folder}: {error}") from error


def _split(config: HfDatasetPairs) -> Path:
    if not (config.data / "dataset_dict.json").is_file():
        if config.split is not None:
            raise SourceError(f"{config.data} holds no splits; leave out `split`")
        return config.data
    try:
        splits = _Splits.model_validate_json(_text(config.data, "dataset_dict.json")).splits
    except ValidationError as error:
        raise SourceError(f"{config.data}: dataset_dict.json is damaged: {error}") from error
    if config.split not in splits:
        raise SourceError(
            f"`split` says which to take of {config.data}: {', '.join(splits)}; got {config.split}"
        )
    return config.data / config.split


def _table(folder: Path) -> pa.Table:
    state = _State.model_validate_json(_text(folder, "state.json"))
    parts = []
    for file in state.files:
        with pa.memory_map(str(within(folder.resolve(), file.filename))) as mapped:
            parts.append(pa.ipc.open_stream(mapped).read_all())
    table = pa.concat_tables(parts)
    table.validate(full=True)  # offsets of a damaged file would be read beyond its end
    return table


def _text(folder: Path, name: str) -> str:
    return within(folder.resolve(), name).read_text(encoding="utf-8")


def _source(table: pa.Table, info: _Info, cluster: str | None) -> Source:
    needed = [*COLUMNS, *IMAGES, *([cluster] if cluster else ())]
    if missing := sorted({*needed} - set(table.column_names)):
        raise SourceError(
            f"it needs the columns {', '.join(needed)}; it lacks {', '.join(missing)}"
        )
    if paths := [name for name in IMAGES if not holds_bytes(table[name].type)]:
        raise SourceError(f"pictures are stored as bytes; {', '.join(paths)} holds something else")
    texts = {
        name: _values(table[name], info.names(name))
        for name in dict.fromkeys(("id", *needed))
        if name in table.column_names and name not in IMAGES
    }
    stored = {name.removesuffix("_image"): bytes_column(table[name]) for name in IMAGES}
    images = {
        part: [f"{part}/{row}" if cell.is_valid else "" for row, cell in enumerate(column)]
        for part, column in stored.items()
    }

    def read(reference: str) -> bytes:
        part, _, row = reference.partition("/")
        return bytes(stored[part][int(row)].as_buffer())

    return quadruple_source(texts, images, read, cluster)


def _values(column: pa.ChunkedArray, names: list[str] | None) -> list[Any]:
    values: list[Any] = column.to_pylist()
    if names is None:
        return values
    if bad := [value for value in values if value is not None and not 0 <= value < len(names)]:
        raise SourceError(f"a class label is below {len(names)}; got {bad[0]}")
    return [None if value is None else names[value] for value in values]
