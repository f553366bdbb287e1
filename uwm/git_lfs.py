"""Pointers that Git LFS leaves where a repository was cloned without it: some 130 bytes of text.

Whatever reads a file of the user's tells such a pointer from a damaged file, since the remedy is
another one.
"""

from __future__ import annotations

from pathlib import Path

_START = b"version https://git-lfs.github.com/spec/"
_MAX_BYTES = 1024
"""A pointer is smaller, by the specification of Git LFS."""

REMEDY = (
    "is a Git LFS pointer, not the file itself: run `git lfs pull` in the repository that it was "
    "cloned with"
)


def is_pointer(content: bytes) -> bool:
    """Whether these are the bytes of a pointer."""
    return len(content) < _MAX_BYTES and content.startswith(_START)


def is_pointer_file(path: Path) -> bool:
    """Whether a pointer stands where `path` should; False for what cannot be read."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return is_pointer(file.read(_MAX_BYTES))
    except OSError:
        return False
