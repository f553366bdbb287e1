"""A manifest of quadruples: one CSV, JSONL or Parquet file, or the shards of a Parquet file."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pyarrow as pa

from storage.files.listing import data_files
from storage.files.tables import Columns, read_table
from storage.sources.quadruples import COLUMNS, IMAGES, pictures, quadruple_source
from storage.sources.readers import reads
from storage.sources.source import Source, files
from uwm.config import ManifestPairs
from uwm.errors import SourceError

_SHARD = re.compile(r"(?P<split>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.parquet")


@reads(ManifestPairs)
def manifest_pairs(config: ManifestPairs) -> Source:
    """The quadruples that a manifest lists.

    Raises:
        SourceError: it cannot be read, lacks a column, or is malformed; a folder lacks a shard or
            holds several splits of which none is named.
    """
    clusters = [config.cluster] if config.cluster else []
    needed = list(dict.fromkeys((*COLUMNS, *IMAGES, *clusters)))
    optional = [name for name in ("id",) if name not in needed]
    paths = _shards(config.data, config.split) if config.data.is_dir() else [config.data]
    table = _joined([read_table(path, needed, optional) for path in paths])
    root = config.images or (config.data if config.data.is_dir() else config.data.parent)
    try:
        images, read = pictures(
            {name.removesuffix("_image"): table[name] for name in IMAGES}, files(root)
        )
        return quadruple_source(table, images, read, config.cluster)
    except SourceError as error:
        raise SourceError(f"{config.data}: {error}") from error


def _shards(folder: Path, split: str | None) -> list[Path]:
    """The Parquet files of a folder, SPLIT-00000-of-00002.parquet as the hub has them or others."""
    paths = data_files(folder, "parquet")
    splits: dict[str | None, list[Path]] = defaultdict(list)
    for path in paths:
        found = _SHARD.fullmatch(path.name)
        splits[found["split"] if found else None].append(path)
    names = sorted(name for name in splits if name is not None)
    if split is None and len(splits) == 1:
        split = names[0] if names else None
    elif split not in names:
        raise SourceError(
            f"`split` says which to take of {folder}: {', '.join(names) or 'it has none'}"
            f"{'' if split is None else f'; got {split}'}"
        )
    taken = splits[split]
    shard = _SHARD.fullmatch(taken[0].name)
    if shard and len(taken) != int(shard["count"]):
        raise SourceError(
            f"{folder} has {len(taken)} of the {int(shard['count'])} shards of {split}; fetch the "
            "others, too"
        )
    return taken


def _joined(tables: list[Columns]) -> Columns:
    """Tables below each other; their columns are of one kind."""
    if len(tables) == 1:
        return tables[0]
    joined: Columns = {}
    for name in tables[0]:
        parts = [table.get(name) for table in tables]
        if any(part is None for part in parts):
            raise SourceError(f"all shards have the same columns; some lack {name}")
        if isinstance(parts[0], pa.ChunkedArray):
            chunks = [chunk for part in parts if part is not None for chunk in _chunks(part, name)]
            joined[name] = pa.chunked_array(chunks)
        else:
            joined[name] = [cell for part in parts if part is not None for cell in part]
    return joined


def _chunks(part: object, name: str) -> list[pa.Array]:
    if not isinstance(part, pa.ChunkedArray):
        raise SourceError(f"{name} holds bytes in one shard and something else in another")
    return list(part.chunks)
