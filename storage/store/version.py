"""The format of a store: told by a small file at its root, so that no other format is misread."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from storage.store import durable
from storage.store.bucket import Bucket
from storage.store.marker import COMPLETE
from uwm.errors import StoreError

FORMAT = 2
"""Raised whenever what is in a store cannot be read as before. Format 1 had no such file."""
NAME = "format.json"


def check_folder(root: Path, *, reading: bool = False) -> None:
    """Raise StoreError unless the store in `root` has this format; an empty one gets it.

    Args:
        reading: it stays as it is.
    """

    def read() -> bytes | None:
        path = root / NAME
        return path.read_bytes() if path.is_file() else None

    def write(content: bytes) -> None:
        if not reading:
            durable.write(root / NAME, content)

    def has_artifacts() -> bool:
        return any(not path.parent.suffix for path in root.glob(f"*/*/{COMPLETE}"))

    try:
        _check(str(root), read, write, has_artifacts)
    except OSError as error:
        raise StoreError(
            f"{NAME} of the store {root} cannot be read or written: {error.strerror}; mend that, "
            "or name another store with --store"
        ) from error


def check_bucket(url: str, bucket: Bucket, *, reading: bool = False) -> None:
    """As `check_folder`, of a store on an object store."""
    _check(
        url,
        lambda: bucket.read(NAME),
        lambda content: None if reading else bucket.write(NAME, content),
        lambda: any(key.endswith(f"/{COMPLETE}") for key in bucket.list("")),
    )


def _check(
    url: str,
    read: Callable[[], bytes | None],
    write: Callable[[bytes], None],
    has_artifacts: Callable[[], bool],
) -> None:
    content = read()
    if content is None and not has_artifacts():
        write(json.dumps({"format": FORMAT}).encode() + b"\n")
        return
    found = 1 if content is None else _format(url, content)
    if found == FORMAT:
        return
    if found > FORMAT:
        raise StoreError(
            f"the store {url} has format {found}, and this version of uwm reads format {FORMAT}; "
            "install a newer uwm, or name another store with --store"
        )
    raise StoreError(
        f"the store {url} is of an earlier version of uwm: it has format {found}, and this version "
        f"reads format {FORMAT}. Name another store with --store, or delete this one: an audit "
        "computes what is missing"
    )


def _format(url: str, content: bytes) -> int:
    try:
        found = json.loads(content)["format"]
    except (ValueError, TypeError, KeyError, RecursionError):
        found = None
    if type(found) is not int:
        raise StoreError(
            f"{NAME} of the store {url} does not say which format it has; name another store with "
            "--store, or delete this one: an audit computes what is missing"
        )
    return found
