"""Installed packages, as `pip` leaves them: a module and what its distribution says of it."""

from __future__ import annotations

from pathlib import Path


def install(folder: Path, name: str, code: str, entry_points: str) -> None:
    """A module of this name and code, offered under these entry points; `folder` is a path."""
    (folder / f"{name}.py").write_text(code)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)
