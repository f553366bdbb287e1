"""Damage is found: what is missing, what is shorter, what is other than was written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.store.integrity import damage, is_whole, last_touched, size, withdraw
from storage.store.marker import COMPLETE
from storage.store.store import Store
from tests.makers.artifacts import spec, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Store(tmp_path / "store").make(spec(), write)


def other(path: Path) -> None:
    path.write_text("SECOND")


def silently_other(path: Path) -> None:
    """As a disk may damage it: nothing but the content tells."""
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    other(path)
    os.utime(path, ns=times)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (Path.unlink, "two is missing"),
        (lambda path: path.write_text("x"), "two has 1 bytes instead of 6"),
        (other, "two has other content than was written"),
        (lambda path: (path.unlink(), path.mkdir()), "two is not a regular file"),
        (lambda path: (path.unlink(), path.symlink_to("data/one")), "two is not a regular file"),
    ],
)
def test_what_is_wrong_is_told_file_by_file(
    folder: Path, harm: Callable[[Path], object], said: str
) -> None:
    assert damage(folder) == []
    assert is_whole(folder)
    harm(folder / "two")
    assert damage(folder) == [said]
    assert not is_whole(folder)


def test_content_is_compared_where_it_was_not_yet_and_whenever_asked(folder: Path) -> None:
    silently_other(folder / "two")
    assert damage(folder) == ["two has other content than was written"]
    (folder / "two").write_text("second")
    assert damage(folder) == []
    silently_other(folder / "two")
    assert damage(folder, thorough=True) == ["two has other content than was written"]


def test_what_is_withdrawn_is_no_artifact(folder: Path, tmp_path: Path) -> None:
    withdraw(folder)
    assert not is_whole(folder)
    assert damage(folder)[0].startswith(f"{COMPLETE} cannot be read")
    withdraw(folder)
    withdraw(tmp_path / "none")


def test_sizes_and_times_are_of_all_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one").write_bytes(b"123")
    (tmp_path / "two").write_bytes(b"4567")
    os.utime(tmp_path / "a" / "one", (2e9, 2e9))
    assert size(tmp_path) == 7
    assert last_touched(tmp_path) == 2e9
    assert last_touched(tmp_path / "none") is None
