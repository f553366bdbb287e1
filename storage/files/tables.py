"""Rows of CSV, JSONL and Parquet files, column by column, with text as text."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from uwm.errors import SourceError
from uwm.git_lfs import REMEDY, is_pointer_file

Columns = dict[str, list[Any] | pa.ChunkedArray]
"""Values per row; Arrow's own array where a column holds bytes."""
_SEPARATORS = (",", "\t", ";", "|")
_TOLD = 10


def read_table(path: Path, needed: Iterable[str], optional: Iterable[str] = ()) -> Columns:
    """The columns `needed`, and those of `optional` that are there.

    Cells are as they stand: in CSV all text, so that `007`, `NA` and `null` stay what they are;
    an absent or null cell is None.

    Raises:
        SourceError: the file is no such table, or lacks a column.
    """
    if is_pointer_file(path):
        raise SourceError(f"{path} {REMEDY}")
    needed = list(needed)
    wanted = [*needed, *optional]
    present: list[str] = []
    try:
        match path.suffix.lower():
            case ".parquet":
                found, present = _parquet(path, wanted)
            case ".jsonl":
                found, present = _jsonl(path, wanted)
            case _:
                found, present = _csv(path, needed, wanted)
    except (OSError, ValueError, csv.Error, pa.ArrowException, RecursionError) as error:
        raise SourceError(
            f"{path} is not a readable {path.suffix.lstrip('.') or 'csv'} table: {error}"
        ) from error
    if missing := sorted(set(needed) - set(found)):
        raise SourceError(
            f"{path} needs the columns {', '.join(needed)}; it lacks {', '.join(missing)} and has "
            f"{', '.join(f'{name:.40}' for name in present[:_TOLD]) or 'none'}"
            f"{', ...' if len(present) > _TOLD else ''}"
        )
    return found


def _csv(path: Path, needed: list[str], wanted: list[str]) -> tuple[Columns, list[str]]:
    """Cells between commas, or between whatever the first line has the needed columns between."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        first = file.readline()
        headers = {by: next(csv.reader([first], delimiter=by), []) for by in _SEPARATORS}
        separator = next((by for by in _SEPARATORS if set(needed) <= set(headers[by])), ",")
        file.seek(0)
        reader = csv.reader(file, strict=True, delimiter=separator)
        header = next(reader, [])
        if twice := sorted({name for name in header if header.count(name) > 1} & set(wanted)):
            raise ValueError(f"the column {twice[0]} stands twice")
        rows = []
        for row in reader:
            if row and len(row) != len(header):
                raise ValueError(
                    f"line {reader.line_num} has {len(row)} cells for {len(header)} columns"
                )
            if row:
                rows.append(row)
    places = {name: header.index(name) for name in wanted if name in header}
    return {name: [row[place] for row in rows] for name, place in places.items()}, header


def _jsonl(path: Path, wanted: list[str]) -> tuple[Columns, list[str]]:
    rows = []
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from error
            if not isinstance(row, dict):
                raise ValueError(f"line {number} is not an object")
            rows.append(row)
    present = list(dict.fromkeys(name for row in rows for name in row))
    found: Columns = {name: [row.get(name) for row in rows] for name in wanted if name in present}
    return found, present


def _parquet(path: Path, wanted: list[str]) -> tuple[Columns, list[str]]:
    with pq.ParquetFile(path) as file:
        names = list(file.schema_arrow.names)
        table = file.read(columns=[name for name in wanted if name in names])
    return {name: _parquet_column(table[name]) for name in table.column_names}, names


def _parquet_column(column: pa.ChunkedArray) -> list[Any] | pa.ChunkedArray:
    if holds_bytes(column.type):
        held, paths = bytes_column(column), paths_of(column)
        if paths is None or held.null_count < len(held):
            return held
        column = paths
    cells: list[Any] = column.to_pylist()
    return cells


def holds_bytes(kind: pa.DataType) -> bool:
    """Whether a column holds pictures: binary, or structs with `bytes`."""
    if pa.types.is_struct(kind):  # how `datasets` writes pictures: bytes, path
        return bool(kind.get_field_index("bytes") >= 0)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def paths_of(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """The `path` of each struct in a column that `holds_bytes`; None where there is none."""
    place = column.type.get_field_index("path") if pa.types.is_struct(column.type) else -1
    if place < 0:
        return None
    chunks = [chunk.flatten()[place] for chunk in column.chunks]
    return pa.chunked_array(chunks, type=column.type.field("path").type)


def bytes_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The bytes of a column that `holds_bytes`; null where a cell or its bytes are."""
    if not pa.types.is_struct(column.type):
        return column
    # Not `field`, which passes over the struct's own nulls.
    place = column.type.get_field_index("bytes")
    chunks = [chunk.flatten()[place] for chunk in column.chunks]
    return pa.chunked_array(chunks, type=column.type.field("bytes").type)
