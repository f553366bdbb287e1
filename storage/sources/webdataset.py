"""Quadruples in tar shards: the files of one key are one quadruple.

KEY.json holds `concept`, `safe_text`, `unsafe_text` and perhaps `id` (the key, if absent, which
is one of its shard);
KEY.safe.jpg and KEY.unsafe.jpg the pictures, as .jpg, .jpeg, .png,
.webp, .gif or .bmp.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from storage.files import tar_shards
from storage.files.listing import data_files
from storage.files.tar_shards import Member
from storage.sources.quadruples import COLUMNS, quadruple_source
from storage.sources.readers import reads
from storage.sources.source import Source
from uwm.config import WebDatasetPairs
from uwm.errors import SourceError

_ENDINGS = ("jpg", "jpeg", "png", "webp", "gif", "bmp")


@reads(WebDatasetPairs)
def webdataset_pairs(config: WebDatasetPairs) -> Source:
    """The quadruples of every shard, shards by name, keys in their order.

    Raises:
        SourceError: a shard is damaged or hostile (see `storage.files.tar_shards`), or a key's
            files are not a quadruple.
    """
    shards = data_files(config.data, "tar")
    needed = list(dict.fromkeys((*COLUMNS, *([config.cluster] if config.cluster else ()))))
    members: dict[str, tuple[Path, Member]] = {}
    described: list[dict[str, Any]] = []
    places: list[tuple[Path, str]] = []
    images: dict[str, list[str]] = {"safe": [], "unsafe": []}
    for shard in shards:
        for key, files in tar_shards.samples(shard).items():
            described.append(_described(shard, key, files, needed))
            places.append((shard, key))
            for part, references in images.items():
                reference = f"{shard.name}/{key}.{part}"
                if member := _picture(shard, files, part):
                    members[reference] = shard, member
                references.append(reference if member else "")

    def read(reference: str) -> bytes:
        return tar_shards.read(*members[reference])

    table = {name: [row[name] for row in described] for name in needed}
    table["id"] = _ids(described, places)
    try:
        return quadruple_source(table, images, read, config.cluster)
    except SourceError as error:
        raise SourceError(f"{config.data}: {error}") from error


def _described(
    shard: Path, key: str, files: Mapping[str, Member], needed: Sequence[str]
) -> dict[str, Any]:
    if "json" not in files:
        raise SourceError(
            f"every key has a .json file with {', '.join(needed)}; {key} in {shard} has only "
            f"{', '.join(f'.{suffix}' for suffix in files)}"
        )
    try:
        found = json.loads(tar_shards.read(shard, files["json"]))
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{key}.json in {shard} is not JSON: {error}") from error
    if not isinstance(found, dict) or (missing := [name for name in needed if name not in found]):
        lacks = ", ".join(missing) if isinstance(found, dict) else "the braces of an object"
        raise SourceError(f"{key}.json in {shard} lacks {lacks}")
    return found


def _ids(described: list[dict[str, Any]], places: list[tuple[Path, str]]) -> list[Any]:
    """A row's `id`, or its key; where keys start again in every shard, with the shard's name."""
    keys = [key for row, (_, key) in zip(described, places, strict=True) if "id" not in row]
    again = len(set(keys)) < len(keys)
    return [
        row.get("id", f"{shard.stem}/{key}" if again else key)
        for row, (shard, key) in zip(described, places, strict=True)
    ]


def _picture(shard: Path, files: Mapping[str, Member], part: str) -> Member | None:
    found = [files[name] for ending in _ENDINGS if (name := f"{part}.{ending}") in files]
    if len(found) > 1:
        raise SourceError(
            f"a quadruple has one {part} picture; {found[0].key} in {shard} has "
            f"{', '.join(f'.{member.suffix}' for member in found)}"
        )
    return found[0] if found else None
