"""A manifest of quadruples: one CSV, JSONL or Parquet file, with paths or bytes of pictures."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from storage.files.tables import read_table
from storage.sources.quadruples import COLUMNS, IMAGES, paths, quadruple_source
from storage.sources.readers import reads
from storage.sources.source import ReadImage, Source, files
from uwm.config import ManifestPairs
from uwm.errors import SourceError


@reads(ManifestPairs)
def manifest_pairs(config: ManifestPairs) -> Source:
    """The quadruples that a manifest lists.

    Raises:
        SourceError: it cannot be read, lacks a column, or is malformed.
    """
    clusters = [config.cluster] if config.cluster else []
    needed = list(dict.fromkeys((*COLUMNS, *IMAGES, *clusters)))
    table = read_table(config.data, needed, [name for name in ("id",) if name not in needed])
    root = config.images or config.data.parent
    try:
        return _source(table, files(root), config.cluster)
    except SourceError as error:
        raise SourceError(f"{config.data}: {error}") from error


def _source(table: dict[str, Any], open_file: ReadImage, cluster: str | None) -> Source:
    """References are paths, and ROW/COLUMN for a column of bytes: one manifest may have both."""
    held = {name: table[name] for name in IMAGES if isinstance(table[name], pa.ChunkedArray)}
    images = {
        name.removesuffix("_image"): (
            [f"{name}/{row}" if cell.is_valid else "" for row, cell in enumerate(held[name])]
            if name in held
            else paths(table[name], name)
        )
        for name in IMAGES
    }
    if not held:
        return quadruple_source(table, images, open_file, cluster)

    def read(reference: str) -> bytes:
        column, _, row = reference.partition("/")
        if column in held and row.isdecimal():
            return bytes(held[column][int(row)].as_buffer())
        return open_file(reference)

    return quadruple_source(table, images, read, cluster)
