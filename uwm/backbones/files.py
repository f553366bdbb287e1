"""Files of a backbone's folder, which may be anyone's: they lie in it, and its JSON is small."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from uwm.errors import UnknownBackboneError

MAX_BYTES = 2**20
"""Of a JSON configuration; open_clip's have less than 2 KiB, an index of shards some 200."""
MAX_DEPTH = 12
"""Mappings and lists inside of each other; open_clip's configurations have 4."""


def inside(folder: Path, name: str) -> Path:
    """The file `name` of a backbone's folder, which may not be there.

    A snapshot of the hub's cache consists of links to the same repository's blobs beside it; these
    belong to it.

    Raises:
        UnknownBackboneError: the name, or the link that it is, leads out of the folder.
    """
    path, home = folder / name, folder.resolve()
    if home.parent.name == "snapshots" and home.parent.parent.name.startswith("models--"):
        home = home.parent.parent
    if not path.resolve().is_relative_to(home):
        raise UnknownBackboneError(
            f"{name!r} must lie in the backbone's folder {folder}, as all that is read of one "
            f"does; it leads to {path.resolve()}. Copy the file there, or correct its name"
        )
    return path


def read_json(path: Path, limit: int = MAX_BYTES) -> dict[str, Any]:
    """A JSON mapping of at most `limit` bytes and of bounded depth.

    Raises:
        UnknownBackboneError: anything else.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(limit + 1)
        if len(raw) > limit:
            raise ValueError(f"it has more than {limit} bytes, and such files have less")
        found = json.loads(raw, parse_constant=_no_constant)
        if _too_deep(found):
            raise RecursionError
    except RecursionError as error:
        raise UnknownBackboneError(
            f"{path} nests more than {MAX_DEPTH} mappings and lists, and a configuration fewer"
        ) from error
    except (OSError, ValueError) as error:
        raise UnknownBackboneError(f"{path} is not readable JSON: {error}") from error
    if not isinstance(found, dict):
        raise UnknownBackboneError(f"{path} should hold a mapping; got a {type(found).__name__}")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number that a configuration may hold")


def _too_deep(content: object) -> bool:
    level = [content]
    for _ in range(MAX_DEPTH + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(level)
