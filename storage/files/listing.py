"""The files of a data set that is a folder of them."""

from __future__ import annotations

from pathlib import Path

from uwm.errors import SourceError


def data_files(data: Path, suffix: str) -> list[Path]:
    """The file `data`, or the files of that suffix in the folder `data`, in the order of names.

    Hidden files are passed over: a Mac puts `._NAME` beside whatever it copies.

    Raises:
        SourceError: the folder has none.
    """
    if data.is_file():
        return [data]
    found = sorted(
        path for path in data.glob(f"*.{suffix}") if path.is_file() and not is_hidden(path.name)
    )
    if not found:
        raise SourceError(f"{data} has no .{suffix} file")
    return found


def is_hidden(name: str) -> bool:
    """Whether a file's name, or a folder's, is one that lists of files leave out."""
    return name.startswith(".") or name == "__MACOSX"
