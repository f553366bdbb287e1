"""Copies are kept within a bound, and those in use whatever it says."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from storage.store.copies import BOUND, CACHE, bound, copies_folder, make_room
from uwm.errors import StoreError


def copy(root: Path, name: str, age: float) -> Path:
    folder = root / "pixels" / name
    folder.mkdir(parents=True)
    (folder / "COMPLETE.json").write_bytes(bytes(2**20))
    os.utime(folder, (time.time() - age,) * 2)
    return folder


def test_what_was_used_longest_ago_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BOUND, str(3 / 1024))
    old, older, used, fresh = (
        copy(tmp_path, name, age)
        for name, age in (("old", 7200), ("older", 9000), ("used", 60), ("fresh", 9999))
    )
    assert make_room(tmp_path, keep=fresh) == 1
    assert not older.exists()
    assert make_room(tmp_path, keep=fresh) == 0
    monkeypatch.setenv(BOUND, str(1 / 1024))
    assert make_room(tmp_path, keep=fresh) == 1
    assert not old.exists()
    assert used.exists()
    assert fresh.exists()


def test_every_endpoint_and_url_has_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE, str(tmp_path))
    places = [("s3://a/b", ""), ("s3://a-b", ""), ("s3://a/b", "http://here")]
    folders = {copies_folder(*place) for place in places}
    assert len(folders) == 3
    assert all(folder.parent == tmp_path for folder in folders)


@pytest.mark.parametrize("given", ["0", "-1", "many", "nan", "inf"])
def test_a_bound_is_a_positive_number(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BOUND, given)
    with pytest.raises(StoreError, match="positive number of GiB"):
        bound()
