"""`COMPLETE.json`: what an artifact is made of, written last and read with distrust."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path, PurePosixPath
from typing import Any

from uwm.errors import DamagedArtifactError

COMPLETE, SPEC = "COMPLETE.json", "spec.json"
Listed = dict[str, dict[str, Any]]
"""`size` in bytes and `sha256` of every file of an artifact, by its name relative to the folder."""


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_of(folder: Path) -> Listed:
    """Every file below `folder` but the marker, as the marker lists it."""
    return {
        path.relative_to(folder).as_posix(): {"size": path.stat().st_size, "sha256": sha256(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != COMPLETE
    }


def listed(marker: bytes) -> Listed:
    """What a marker lists, checked: it may be damaged, or come from whoever can write to a bucket.

    Raises:
        DamagedArtifactError: it is not a marker, lists no `spec.json`, or a name leads out.
    """
    try:
        files: Listed = json.loads(marker)["files"]
        for name, entry in files.items():
            inside(name)
            if not (type(entry["size"]) is int and isinstance(entry["sha256"], str)):
                raise ValueError(name)
        files[SPEC]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedArtifactError(f"{COMPLETE} cannot be read: {error!r}") from error
    return files


def inside(name: str) -> PurePosixPath:
    """A name in a store as a relative path.

    Raises:
        DamagedArtifactError: it leads out of the store, or is not a name that a file can have.
    """
    path = PurePosixPath(name)
    hostile = "\\" in name or "\0" in name or any("\ud800" <= each <= "\udfff" for each in name)
    if path.is_absolute() or ".." in path.parts or hostile or not path.parts:
        raise DamagedArtifactError(f"files of a store lie below it; {name!r} leads out")
    return path
