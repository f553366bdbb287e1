"""Artifacts for tests of the store."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from storage.store.spec import Spec
from storage.store.store import Store


class Numbers(Spec):
    """A kind of artifact for tests of the store."""

    kind: ClassVar[str] = "numbers"
    count: int


def spec(count: int = 3) -> Numbers:
    """An artifact of a store, whose files `write` writes."""
    return Numbers(code="a", count=count)


def write(folder: Path) -> None:
    """The files of an artifact `spec()`."""
    (folder / "data").mkdir()
    (folder / "data" / "one").write_text("first")
    (folder / "two").write_text("second")


def data_bytes(store: Store, kind: str) -> int:
    """Bytes of arrays and tables; metadata and markers are no part of a plan."""
    return sum(
        path.stat().st_size
        for path in (store.root / kind).rglob("*")
        if path.is_file() and path.suffix != ".json"
    )
