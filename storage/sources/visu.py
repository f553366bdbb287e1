"""ViSU: texts in a JSON file, safe pictures of COCO, unsafe ones in a folder per text.

An unsafe picture is where `unsafe_pattern` says, or else where its entry's `nsfw_im_path` does.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from storage.sources.quadruples import quadruple_source
from storage.sources.readers import reads
from storage.sources.source import ReadImage, Source, files
from uwm.config import VisuPairs
from uwm.errors import SourceError

_SAFE = "coco"
_COCO_NAMES = ("{:012d}.jpg", "COCO_train2014_{:012d}.jpg", "COCO_val2014_{:012d}.jpg")
"""What a picture is called in COCO's releases of 2017 and of 2014."""


class _Entry(BaseModel, frozen=True):
    """An entry of ViSU-Text. Both numbers become parts of paths, so they are numbers."""

    incremental_id: Annotated[int, Field(ge=0)]
    coco_id: Annotated[int, Field(ge=0)]
    safe: str | None
    nsfw: str | None
    tag: str | None
    nsfw_im_path: str | None = None


_ENTRIES = TypeAdapter(list[_Entry])


@reads(VisuPairs)
def visu_pairs(config: VisuPairs) -> Source:
    """A split of ViSU.

    Raises:
        SourceError: the JSON file is none of ViSU-Text's forms.
    """
    entries = _entries(config.texts)
    safe, unsafe = files(*config.coco), files(config.unsafe)
    paths = [
        config.unsafe_pattern.format(
            split=config.split, incremental_id=entry.incremental_id, coco_id=entry.coco_id
        )
        for entry in entries
    ]
    stated = {
        path: entry.nsfw_im_path
        for path, entry in zip(paths, entries, strict=True)
        if entry.nsfw_im_path
    }

    def read(reference: str) -> bytes:
        place, _, path = reference.partition("/")
        if place == _SAFE:
            return _first(safe, [form.format(int(path)) for form in _COCO_NAMES])
        return _first(unsafe, [path, *([stated[path]] if path in stated else [])])

    table: dict[str, list[Any]] = {
        "id": [entry.incremental_id for entry in entries],
        "concept": [entry.tag for entry in entries],
        "safe_text": [entry.safe for entry in entries],
        "unsafe_text": [entry.nsfw for entry in entries],
    }
    images = {
        "safe": [f"{_SAFE}/{entry.coco_id}" for entry in entries],
        "unsafe": [f"unsafe/{path}" for path in paths],
    }
    try:
        return quadruple_source(table, images, read)
    except SourceError as error:
        raise SourceError(f"{config.texts}: {error}") from error


def _first(read: ReadImage, names: list[str]) -> bytes:
    """The first picture that is there. Raises FileNotFoundError as for the first name."""
    missing: FileNotFoundError | None = None
    for name in names:
        try:
            return read(name)
        except FileNotFoundError as error:
            missing = missing or error
    raise missing or FileNotFoundError("no name given")


def _entries(path: Path) -> list[_Entry]:
    """A list, or a mapping of numbers to entries, bare or under `data`, with `info` beside it."""
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SourceError(f"{path} is not a readable JSON file: {error}") from error
    if isinstance(found, dict) and isinstance(found.get("data"), dict | list):
        found = found["data"]
    if isinstance(found, dict):
        found = list(found.values())
    try:
        return _ENTRIES.validate_python(found)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise SourceError(
            f"{path} is not ViSU-Text: entries have incremental_id, coco_id, safe, nsfw and tag, "
            f"in a list or a mapping; {error.error_count()} do not fit, first {where}: "
            f"{first['msg'].lower()}"
        ) from error
