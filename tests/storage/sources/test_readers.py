"""Readers register themselves; nothing else knows them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from storage.sources.readers import reader
from uwm.config import DemoPairs, DemoZeroShot, PairSet
from uwm.errors import SourceError


def modules_after(code: str) -> set[str]:
    """The modules that a fresh process has imported after it has run `code`."""
    script = f"{code}; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    return set(done.stdout.decode().split())


def test_readers_are_imported_when_the_first_set_is_read_and_none_imports_torch() -> None:
    readers = {"storage.sources.pairs", "storage.sources.zeroshot.benchmark"}
    assert not readers & modules_after("import storage.sources")
    code = "from storage.sources.readers import import_readers; import_readers()"
    assert readers < (found := modules_after(code))
    assert not {"torch", "open_clip"} & found


def test_a_subclass_is_read_as_its_base_unless_it_has_a_reader_of_its_own() -> None:
    class Named(DemoPairs):
        """The demo's pairs under another class."""

    assert reader(Named(kind="demo", split="test")) is reader(DemoPairs(kind="demo", split="test"))
    assert reader(DemoZeroShot(kind="demo", set="subjects")) is not reader(
        DemoPairs(kind="demo", split="test")
    )


def test_a_class_without_a_reader_says_how_to_give_it_one() -> None:
    class Unread(PairSet):
        """Nothing reads these."""

    with pytest.raises(SourceError, match=r"@reads\(Unread\)"):
        reader(Unread(kind="unread"))
