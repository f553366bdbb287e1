"""Garbage is what no recorded audit stands on, once it is old enough."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from storage.store.garbage import clear, garbage
from storage.store.history import record
from storage.store.store import Store
from tests.makers.artifacts import spec, write


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """One artifact that an audit stands on, one that none does, and unfinished work."""
    store = Store(tmp_path / "store")
    for count in (1, 2):
        store.make(spec(count), write)
    record(store, "weekly", "audit", {"vit": [str(spec(1))]}, backbones=["vit"])
    (store.root / "numbers" / "half.draft").mkdir()
    return store


def names(store: Store, older_than: float) -> set[str]:
    return {entry.name for entry in garbage(store, older_than)}


def test_what_an_audit_stands_on_is_never_garbage(store: Store) -> None:
    time.sleep(0.01)  # times of files may be ahead by a tick
    assert names(store, 0) == {str(spec(2)), "numbers/half.draft"}


def test_what_is_young_may_be_a_running_audits(store: Store) -> None:
    assert names(store, 3600) == set()


def test_what_is_cleared_is_gone_and_nothing_else(store: Store) -> None:
    time.sleep(0.01)
    cleared = {entry.name for entry in clear(store, older_than=0)}
    assert cleared == {str(spec(2)), "numbers/half.draft"}
    assert names(store, -1) == set()
    assert store.complete(spec(1))
    assert not store.complete(spec(2))


def test_while_a_record_is_damaged_only_unfinished_work_goes(store: Store) -> None:
    (damaged,) = (path for path in (store.root / "audits").rglob("*") if path.is_file())
    damaged.write_text("{")
    assert names(store, -1) == {"numbers/half.draft"}
