"""One form for quadruples, whatever they are read from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from storage.sources.concepts import concept_key
from storage.sources.source import ReadImage, Source
from uwm.errors import SourceError
from uwm.metrics.registry import CLUSTER
from uwm.partitions import PARTITIONS

COLUMNS = ("concept", "safe_text", "unsafe_text")
IMAGES = ("safe_image", "unsafe_image")
"""What a manifest calls its columns; `id` may be absent."""


def quadruple_source(
    table: Mapping[str, Sequence[Any]],
    images: Mapping[str, Sequence[str]],
    read: ReadImage,
    cluster: str | None = None,
) -> Source:
    """A pair source of columns as a reader found them.

    Args:
        table: `id`, `concept`, `safe_text` and `unsafe_text`: strings or whole numbers, None where
            a cell is empty. Without `id` a row's number is its id.
        images: references by partition, empty where there is no picture.
        cluster: a column of `table`, whose equal values are drawn together.

    Raises:
        SourceError: there is no row, an id or a cluster is missing, or a cell is neither text nor
            number.
    """
    count = len(table["concept"])
    if not count:
        raise SourceError("it has no rows")
    ids = _texts(table["id"], "id") if "id" in table else [str(row) for row in range(count)]
    if empty := [row for row, id in enumerate(ids) if not id.strip() or not _is_unicode(id)]:
        raise SourceError(
            f"every row needs an id, or none has one; {len(empty)} rows lack it, first row "
            f"{empty[0]}"
        )
    concepts = [concept_key(tag) for tag in _texts(table["concept"], "concept")]
    if damaged := [row for row, concept in enumerate(concepts) if not _is_unicode(concept)]:
        raise SourceError(f"a concept is Unicode text; row {damaged[0]}'s is not")
    rows = {"id": ids, "concept": concepts}
    if cluster is not None:
        rows[CLUSTER] = _texts(table[cluster], cluster)
        if empty := [row for row, name in enumerate(rows[CLUSTER]) if not name.strip()]:
            raise SourceError(
                f"every row says in `{cluster}` what it is drawn together with (`cluster`); "
                f"{len(empty)} rows do not, first row {empty[0]}"
            )
    return Source(
        rows=pd.DataFrame(rows, dtype="str"),
        images=pd.DataFrame(images, dtype="str"),
        texts=pd.DataFrame(
            {part: _texts(table[f"{part}_text"], f"{part}_text") for part in PARTITIONS},
            dtype=object,  # a text may hold what no string array does, until it is quarantined
        ),
        read=read,
    )


def pictures(
    columns: Mapping[str, Sequence[Any] | pa.ChunkedArray], open_file: ReadImage
) -> tuple[dict[str, list[str]], ReadImage]:
    """References of columns with pictures by partition, and what reads them.

    References are paths, and PARTITION/ROW for a column of bytes: a table may have both.

    Args:
        columns: paths, or Arrow's own array where a column holds bytes.
        open_file: reads paths.

    Raises:
        SourceError: a cell is neither.
    """
    held = {part: cells for part, cells in columns.items() if isinstance(cells, pa.ChunkedArray)}
    images = {
        part: [f"{part}/{row}" if cell.is_valid else "" for row, cell in enumerate(held[part])]
        if part in held
        else _paths(cells, f"{part}_image")
        for part, cells in columns.items()
    }

    def read(reference: str) -> bytes:
        part, _, row = reference.partition("/")
        if part in held and row.isdecimal():
            return bytes(held[part][int(row)].as_buffer())
        return open_file(reference)

    return images, read if held else open_file


def _paths(cells: Sequence[Any], column: str) -> list[str]:
    """Picture references of a table's cells, empty where a cell is.

    Raises:
        SourceError: a cell is not a text.
    """
    cells = [None if isinstance(cell, float) and math.isnan(cell) else cell for cell in cells]
    for row, cell in enumerate(cells):
        if cell is not None and not isinstance(cell, str):
            raise SourceError(
                f"`{column}` is a path, or bytes in Parquet; row {row} has a {type(cell).__name__}"
            )
        if cell is not None and not _is_unicode(cell):
            raise SourceError(f"a path is Unicode text; row {row}'s `{column}` is not")
    return [cell or "" for cell in cells]


def _texts(cells: Sequence[Any], column: str) -> list[str]:
    return [_text(cell, row, column) for row, cell in enumerate(cells)]


def _text(cell: object, row: int, column: str) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int) and not isinstance(cell, bool):
        return str(cell)
    if isinstance(cell, float) and math.isnan(cell):  # pandas' own for an empty cell
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))  # pandas makes floats of whole numbers where a cell is empty
    raise SourceError(
        f"`{column}` is text or a whole number; row {row} has {cell!r:.40}, a {type(cell).__name__}"
    )


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
