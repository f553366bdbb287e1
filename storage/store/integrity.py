"""What lies in one folder of a store: whether it is whole, how large, and when it was used last."""

from __future__ import annotations

import json
from collections.abc import Iterator
from os import stat_result
from pathlib import Path
from stat import S_ISREG
from typing import Any

from storage.store.remote import COMPLETE, sha256


def damage(folder: Path, *, thorough: bool = False) -> list[str]:
    """What is wrong with a completed artifact: one line per file, none if it is whole.

    Args:
        thorough: compare every file's content, not only of those touched since completion.
    """
    marker = folder / COMPLETE
    try:
        listed: dict[str, dict[str, Any]] = json.loads(marker.read_text())["files"]
        completed = marker.stat().st_mtime_ns
    except (OSError, ValueError, KeyError) as error:
        return [f"{COMPLETE} cannot be read: {error}"]
    found = []
    for name, entry in listed.items():
        path = folder / name
        try:
            status = path.stat()
        except OSError:
            found.append(f"{name} is missing")
            continue
        if status.st_size != entry["size"]:
            found.append(f"{name} has {status.st_size} bytes instead of {entry['size']}")
        elif (thorough or status.st_mtime_ns > completed) and sha256(path) != entry["sha256"]:
            found.append(f"{name} has other content than was written")
    return found


def is_whole(folder: Path) -> bool:
    """Whether an artifact was completed and nothing of it is missing or changed."""
    return (folder / COMPLETE).is_file() and not damage(folder)


def size(folder: Path) -> int:
    """Bytes of all files in a folder; of files that vanish meanwhile none."""
    return sum(status.st_size for status in _statuses(folder) if S_ISREG(status.st_mode))


def last_touched(folder: Path) -> float | None:
    """When something in a folder was written or used last, seconds since the epoch.

    None where the folder is no longer there.
    """
    return max((status.st_mtime for status in _statuses(folder)), default=None)


def _statuses(folder: Path) -> Iterator[stat_result]:
    """Of the folder and all below; a running audit may rename or delete any of it meanwhile."""
    try:
        yield folder.stat()
        paths = list(folder.rglob("*"))
    except FileNotFoundError:
        return
    for path in paths:
        try:
            yield path.stat()
        except FileNotFoundError:
            continue
