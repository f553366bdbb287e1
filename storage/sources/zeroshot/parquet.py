"""Labelled pictures in Parquet files, read row group by row group."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from storage.files.listing import data_files
from storage.sources.readers import reads
from storage.sources.source import Source
from storage.sources.zeroshot.beside import label_names, names_of, templates_of
from storage.sources.zeroshot.labelled import (
    Pictures,
    checked,
    in_order,
    labelled_source,
    own_names,
)
from uwm.config import ParquetZeroShot
from uwm.errors import SourceError

_HELD = 4
"""Row groups of pictures held in memory at once: a few, since reads go in order."""


@reads(ParquetZeroShot)
def parquet_zeroshot(config: ParquetZeroShot) -> Source:
    """Pictures and labels of the rows of one or more Parquet files.

    Raises:
        SourceError: a file that cannot be read or lacks a column, or fewer than two classes.
    """
    paths = data_files(config.data, "parquet")
    references: list[str] = []
    labels: list[str] = []
    empty = 0
    for number, path in enumerate(paths):
        try:
            file = pq.ParquetFile(path)
            _check_columns(file, path, config)
            for group in range(file.num_row_groups):
                of = file.read_row_group(group, columns=[config.label])[config.label].to_pylist()
                for row, label in enumerate(of):
                    if label is None or str(label).strip() == "":
                        empty += 1
                    else:
                        references.append(f"{number}/{group}/{row}")
                        labels.append(str(label))
        except (OSError, pa.ArrowException) as error:
            raise SourceError(f"{path} is not a readable Parquet file: {error}") from error
    names = config.classes or label_names(paths[0], config.label) or names_of(config, config.data)
    if config.classes is None and not all(map(str.isdecimal, labels)):
        names = None  # names beside the data are those of numbers
    given = None if names is None else [label for label, _ in names]
    found = Pictures(
        references,
        labels,
        classes=all_labels(labels, given, str(config.data)),
        read=_Reader(paths, config.image),
        excluded={"no label": empty} if empty else {},
    )
    checked(found, config.data, "rows of two or more classes")
    named = own_names(found.classes, names, str(config.data))
    return labelled_source(found, named, templates_of(config, config.data))


def all_labels(labels: Sequence[str], given: Sequence[str] | None, what: str) -> list[str]:
    """Every label of a set: those of the pictures, or those that `classes` names, in its order.

    Raises:
        SourceError: a picture has a label that `classes` does not name.
    """
    if given is None:
        return in_order(labels)
    if unknown := in_order(sorted(set(labels) - set(given))):
        raise SourceError(
            f"`classes` names every class; {what} has {len(unknown)} that it does not name, "
            f"first {unknown[0]!r}"
        )
    return list(given)


def _check_columns(file: pq.ParquetFile, path: Path, config: ParquetZeroShot) -> None:
    schema = file.schema_arrow
    if missing := [name for name in (config.image, config.label) if name not in schema.names]:
        raise SourceError(
            f"{path} needs the columns {config.image} and {config.label}; it lacks "
            f"{', '.join(missing)}. Say with `image` and `label` what they are called."
        )
    kind, label = schema.field(config.image).type, schema.field(config.label).type
    if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        kind = kind.field("bytes").type
    if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        raise SourceError(
            f"the column {config.image} of {path} should hold the bytes of pictures, or structs "
            f"with `bytes`; it holds {kind}"
        )
    if not (
        pa.types.is_integer(label) or pa.types.is_string(label) or pa.types.is_large_string(label)
    ):
        raise SourceError(
            f"the column {config.label} of {path} should hold names or numbers; it holds {label}"
        )


class _Reader:
    """FILE/GROUP/ROW to a picture, from many threads; what it holds stays in its process."""

    def __init__(self, paths: Sequence[Path], column: str) -> None:
        self._paths, self._column = paths, column
        self._lock = Lock()
        self._cells = lru_cache(maxsize=_HELD)(self._read_group)

    def __reduce__(self) -> tuple[type[_Reader], tuple[Sequence[Path], str]]:
        return _Reader, (self._paths, self._column)

    def __call__(self, reference: str) -> bytes:
        number, group, row = map(int, reference.split("/"))
        with self._lock:
            cell: Any = self._cells(number, group)[row].as_py()
        content = cell["bytes"] if isinstance(cell, dict) else cell
        return content or b""  # no picture: decoding says so, and which

    def _read_group(self, number: int, group: int) -> pa.ChunkedArray:
        file = pq.ParquetFile(self._paths[number])
        return file.read_row_group(group, columns=[self._column])[self._column]
