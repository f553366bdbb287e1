"""Writes that outlive a power cut: bytes reach the disk before the name that serves them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_TOGETHER = 8


def sync(path: Path) -> None:
    """Wait until a file's bytes, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_below(folder: Path) -> None:
    """Wait until all that is in a folder is on the disk: every file, and every folder's names."""
    files, folders = [], []
    for parent, _, names in os.walk(folder):
        folders.append(Path(parent))
        files += [Path(parent, name) for name in names]
    with ThreadPoolExecutor(_TOGETHER) as pool:  # file systems commit what waits together at once
        list(pool.map(sync, files))
        list(pool.map(sync, folders))


def make_folder(path: Path, within: Path) -> None:
    """Make a folder and those between it and `within`, which is there, for good.

    Whoever has made them may have been killed before their names were on the disk.
    """
    if path != within:
        make_folder(path.parent, within)
        path.mkdir(exist_ok=True)
        sync(path.parent)


def write(path: Path, content: bytes) -> None:
    """Write a file aside and rename it: it is there whole and for good, or as it was before."""
    fresh = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    sync(path.parent)


def rename(old: Path, new: Path) -> None:
    """Give what is on the disk already its name, for good."""
    old.rename(new)
    sync(new.parent)
