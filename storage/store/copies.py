"""This machine's copies of what lies on object stores: where they are, and how many are kept."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from pathlib import Path

from uwm.errors import StoreError

CACHE, BOUND = "UWM_CACHE", "UWM_CACHE_GIB"
_DEFAULT_GIB = 100.0
_IN_USE = 3600.0
"""Seconds for which a copy is kept whatever the bound: a run may be reading it."""


def copies_folder(url: str, endpoint: str) -> Path:
    """The folder for one store: below $UWM_CACHE, or the user's cache folder.

    Two endpoints may have buckets of one name; they get folders of their own.
    """
    root = os.environ.get(CACHE) or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "uwm")
    name = re.sub(r"[^A-Za-z0-9]+", "-", url).strip("-")[:80]
    digest = hashlib.sha256(f"{endpoint} {url}".encode()).hexdigest()[:8]
    return Path(root).expanduser().absolute() / f"{name}-{digest}"


def bound() -> float:
    """Bytes of copies to keep per store, $UWM_CACHE_GIB or 100 GiB.

    Raises:
        StoreError: it is not a positive number.
    """
    given = os.environ.get(BOUND) or str(_DEFAULT_GIB)
    try:
        gib = float(given)
    except ValueError:
        gib = float("nan")
    if not 0 < gib < float("inf"):
        raise StoreError(f"{BOUND} is a positive number of GiB, such as 50; got {given!r}")
    return gib * 2**30


def make_room(root: Path, keep: Path) -> int:
    """Delete the copies that were used longest ago until the rest is within `bound`.

    What was used within the last hour stays, so a run may exceed the bound. Returns how many went.
    """
    copies = sorted(
        (folder.stat().st_mtime, folder)
        for folder in root.glob("*/*")
        if folder != keep and not folder.suffix and (folder / "COMPLETE.json").is_file()
    )
    sizes = {folder: _size(folder) for _, folder in copies}
    excess = sum(sizes.values()) + _size(keep) - bound()
    gone = 0
    for used, folder in copies:
        if excess <= 0 or used > time.time() - _IN_USE:
            break
        shutil.rmtree(folder, ignore_errors=True)
        excess -= sizes[folder]
        gone += 1
    return gone


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
