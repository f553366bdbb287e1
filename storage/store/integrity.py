"""What lies in one folder of a store: whether it is whole, how large, and when it was used last."""

from __future__ import annotations

from collections.abc import Iterator
from os import stat_result
from pathlib import Path
from stat import S_ISREG

from storage.store.marker import COMPLETE, Listed, listed, sha256
from uwm.errors import DamagedArtifactError

_read: dict[Path, tuple[int, int]] = {}
"""Artifacts whose content this process has compared, and the marker that stood in each."""
_CHECKSUMMED = ".zarr/"


def damage(folder: Path, *, thorough: bool = False) -> list[str]:
    """What is wrong with a completed artifact: one line per file, none if it is whole.

    Sizes are always compared. Content is compared of files touched since completion, and once per
    process of every file without a checksum of its own: the chunks of a Zarr array are compared
    with theirs wherever they are read.

    Args:
        thorough: compare every file's content.
    """
    marker = folder / COMPLETE
    try:
        files = listed(marker.read_bytes())
        status = marker.stat()
    except OSError as error:
        return [f"{COMPLETE} cannot be read: {error.strerror}"]
    except DamagedArtifactError as error:
        return [str(error)]
    this = (status.st_ino, status.st_mtime_ns)
    first = _read.get(folder) != this
    found = _compared(folder, files, status.st_mtime_ns, thorough, first)
    if not found:
        _read[folder] = this
    return found


def _compared(
    folder: Path, files: Listed, completed: int, thorough: bool, first: bool
) -> list[str]:
    found = []
    for name, entry in files.items():
        path = folder / name
        try:
            status = path.lstat()
            if not S_ISREG(status.st_mode):
                found.append(f"{name} is not a regular file")
            elif status.st_size != entry["size"]:
                found.append(f"{name} has {status.st_size} bytes instead of {entry['size']}")
            elif (
                thorough
                or status.st_mtime_ns > completed
                or (first and not (_CHECKSUMMED in name and "/c/" in name))
            ) and sha256(path) != entry["sha256"]:
                found.append(f"{name} has other content than was written")
        except FileNotFoundError:
            found.append(f"{name} is missing")
        except OSError as error:
            found.append(f"{name} cannot be read: {error.strerror}")
    return found


def is_whole(folder: Path) -> bool:
    """Whether an artifact was completed and nothing of it is missing or changed."""
    return (folder / COMPLETE).is_file() and not damage(folder)


def withdraw(folder: Path) -> None:
    """Count an artifact that turned out to be damaged while it was read as missing from now on.

    Nothing changes where the folder is not an artifact, or the store cannot be written.
    """
    try:
        (folder / COMPLETE).unlink(missing_ok=True)
    except OSError:
        return


def size(folder: Path) -> int:
    """Bytes of all files in a folder, without those that vanish meanwhile."""
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
            yield path.lstat()
        except FileNotFoundError:
            continue
