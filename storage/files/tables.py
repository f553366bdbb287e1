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

Columns = dict[str, list[Any] | pa.ChunkedArray]
"""Values per row; Arrow's own array where a column holds bytes."""


def read_table(path: Path, needed: Iterable[str], optional: Iterable[str] = ()) -> Columns:
    """The columns `needed`, and those of `optional` that are there.

    Cells are as they stand: in CSV all text, so that `007`, `NA` and `null` stay what they are;
    an absent or null cell is None.

    Raises:
        SourceError: the file is no such table, or lacks a column.
    """
    wanted = [*needed, *optional]
    try:
        match path.suffix.lower():
            case ".parquet":
                found = _parquet(path, wanted)
            case ".jsonl":
                found = _jsonl(path, wanted)
            case _:
                found = _csv(path, wanted)
    except (OSError, ValueError, csv.Error, pa.ArrowException, RecursionError) as error:
        raise SourceError(
            f"{path} is not a readable {path.suffix.lstrip('.') or 'csv'} table: {error}"
        ) from error
    if missing := sorted(set(needed) - set(found)):
        raise SourceError(
            f"{path} needs the columns {', '.join(needed)}; it lacks {', '.join(missing)}"
        )
    return found


def _csv(path: Path, wanted: list[str]) -> Columns:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, strict=True)
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
    return {name: [row[place] for row in rows] for name, place in places.items()}


def _jsonl(path: Path, wanted: list[str]) -> Columns:
    rows = []
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from error
            if not isinstance(row, dict):
                raise ValueError(f"line {number} is no object")
            rows.append(row)
    present = {name for row in rows for name in row}
    return {name: [row.get(name) for row in rows] for name in wanted if name in present}


def _parquet(path: Path, wanted: list[str]) -> Columns:
    with pq.ParquetFile(path) as file:
        names = set(file.schema_arrow.names)
        table = file.read(columns=[name for name in wanted if name in names])
    return {
        name: bytes_column(table[name])
        if holds_bytes(table[name].type)
        else table[name].to_pylist()
        for name in table.column_names
    }


def holds_bytes(kind: pa.DataType) -> bool:
    """Whether a column holds pictures: binary, or structs with `bytes`."""
    if pa.types.is_struct(kind):  # how `datasets` writes pictures: bytes, path
        return bool(kind.get_field_index("bytes") >= 0)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def bytes_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The bytes of a column that `holds_bytes`; null where a cell or its bytes are."""
    if not pa.types.is_struct(column.type):
        return column
    # Not `field`, which passes over the struct's own nulls.
    place = column.type.get_field_index("bytes")
    chunks = [chunk.flatten()[place] for chunk in column.chunks]
    return pa.chunked_array(chunks, type=column.type.field("bytes").type)
