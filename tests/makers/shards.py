"""Tar archives, as WebDataset writes them and with faults."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path


def write_shard(path: Path, files: Mapping[str, bytes]) -> Path:
    """A tar archive of `files`, in order, as WebDataset's writer makes it."""
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            add(archive, name, content)
    return path


def add(archive: tarfile.TarFile, name: str, content: bytes = b"", **changes: object) -> None:
    """Add a file to a tar archive; `changes` are set in its header."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in changes.items():
        setattr(info, field, value)
    archive.addfile(info, io.BytesIO(content))
