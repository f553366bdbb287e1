from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from storage.store.garbage import garbage
from storage.store.history import (
    accept,
    baseline,
    given,
    keep,
    kept,
    names,
    record,
    recorded,
    unknown,
    written,
)
from storage.store.store import Store
from tests.makers.artifacts import spec, write
from tests.makers.history import WHEN, audit_of
from uwm.errors import InputError, StoreError


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_what_is_kept_is_read_oldest_first(store: Store) -> None:
    assert kept(store, "weekly") == []
    assert names(store) == []
    audits = [audit_of(days) for days in (7, 0)]
    for audit in audits:
        keep(store, audit)
    assert kept(store, "weekly") == audits[::-1]
    assert names(store) == ["weekly"]
    assert recorded(store) == {}
    assert list(store.entries()) == []


def test_two_of_one_second_are_both_kept(store: Store) -> None:
    first, second = keep(store, audit_of()), keep(store, audit_of())
    assert (first.when, second.when) == (WHEN, WHEN + timedelta(seconds=1))
    assert len(kept(store, "weekly")) == 2


def test_the_baseline_is_the_last_accepted(store: Store) -> None:
    assert baseline(store, "weekly", None) is None
    keep(store, audit_of(0))
    keep(store, audit_of(7, verdict="regressed", accepted=False))
    found = baseline(store, "weekly", None)
    assert found is not None
    assert found.when == WHEN
    accept(store, "weekly", None)
    found = baseline(store, "weekly", None)
    assert found is not None
    assert (found.when, found.verdict) == (WHEN + timedelta(days=7), "regressed")
    found = baseline(store, "weekly", WHEN)
    assert found is not None
    assert found.when == WHEN


def test_what_was_not_kept_is_told(store: Store) -> None:
    with pytest.raises(InputError, match="no audit named weekly is kept"):
        accept(store, "weekly", None)
    keep(store, audit_of())
    with pytest.raises(InputError, match="the last ones: 2026-11-24T103000Z"):
        baseline(store, "weekly", WHEN + timedelta(hours=1))


def test_a_time_is_read_as_it_is_written() -> None:
    assert given(written(WHEN)) == given("2026-11-24 10:30:00") == WHEN
    assert given("2026-11-24T12:30:00+02:00") == WHEN
    with pytest.raises(InputError, match="2026-11-24T103000Z; got yesterday"):
        given("yesterday")


DAMAGE = [
    b"",
    b"{}",
    b"\0" * 400,
    b"\xff\xfe",
    b"[1",
    b"[" * 100_000,
    b'{"sha256": 1, "record": {}}',
]


def flipped(content: bytes) -> bytes:
    """The same with another figure or name in it."""
    return content.replace(b"50.0", b"60.0").replace(b"scores/1", b"scores/2")


@pytest.mark.parametrize("content", [*DAMAGE, None])
def test_a_damaged_record_is_left_out_with_a_word(
    store: Store, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    keep(store, audit_of())
    later = keep(store, audit_of(7))
    path = store.root / "audits" / "weekly" / f"{written(WHEN)}.json"
    path.write_bytes(flipped(path.read_bytes()) if content is None else content)
    assert kept(store, "weekly") == [later]
    assert f"{path} is damaged" in caplog.text


@pytest.mark.parametrize("content", [*DAMAGE, None])
def test_while_it_is_not_known_what_an_audit_stands_on_only_unfinished_work_is_garbage(
    store: Store, content: bytes | None
) -> None:
    both = {"vit": ["scores/1"], "siglip": ["scores/3"]}
    record(store, "weekly", "audit", both, backbones=both)
    made = store.make(spec(), write)
    (store.root / "numbers" / f"{made.name}.draft").mkdir()
    path = store.root / "audits" / "weekly" / "used" / "audit.json"
    path.write_bytes(flipped(path.read_bytes()) if content is None else content)
    for _ in range(2):
        assert unknown(store) == ["audit weekly"]
        assert [entry.name for entry in garbage(store, 0)] == [f"numbers/{made.name}.draft"]
        record(store, "weekly", "audit", {"vit": ["scores/1"]}, backbones=None)  # mends nothing
    record(store, "weekly", "audit", both, backbones=both)
    assert unknown(store) == []
    assert f"numbers/{made.name}" in {entry.name for entry in garbage(store, 0)}


def test_a_partial_run_forgets_nothing_of_the_other_backbones(store: Store) -> None:
    both = {"vit": ["scores/1"], "siglip": ["scores/2"]}
    record(store, "weekly", "audit", both, backbones=both, baseline=["results/0"])
    record(store, "weekly", "audit", {"vit": ["scores/3"]}, backbones=None)
    assert recorded(store) == {"audit weekly": ["results/0", "scores/2", "scores/3"]}
    record(store, "weekly", "audit", {"vit": ["scores/3"]}, backbones=["vit"])
    assert recorded(store) == {"audit weekly": ["scores/3"]}


def test_runs_of_different_kinds_and_names_are_recorded_apart(store: Store) -> None:
    record(store, "x", "sweep", {"vit": ["scores/1"]}, backbones=["vit"])
    record(store, "x-sweep", "audit", {"vit": ["scores/2"]}, backbones=["vit"])
    record(store, "x", "search", {"vit": ["scores/3"]}, backbones=["vit"])
    record(store, "x-search", "audit", {"vit": ["scores/4"]}, backbones=["vit"])
    assert recorded(store) == {
        "sweep x": ["scores/1"],
        "audit x-sweep": ["scores/2"],
        "search x": ["scores/3"],
        "audit x-search": ["scores/4"],
    }


@pytest.mark.parametrize("code", [28, 30])
def test_a_record_that_cannot_be_written_is_told_in_a_line(
    store: Store, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(code, "no")

    monkeypatch.setattr(os, "fsync", full)
    for writing in (
        lambda: keep(store, audit_of()),
        lambda: record(store, "weekly", "audit", {}, backbones=[]),
    ):
        with pytest.raises(StoreError, match="run again"):
            writing()
