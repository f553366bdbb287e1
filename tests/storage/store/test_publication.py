"""A draft becomes an artifact whole, and never in place of one without a word."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from storage.store.integrity import is_whole
from storage.store.marker import COMPLETE, SPEC
from storage.store.publication import DAMAGED, publish
from tests.makers.artifacts import spec, write


def draft(at: Path) -> Path:
    folder = at / "numbers" / "x.draft"
    folder.mkdir(parents=True)
    write(folder)
    return folder


def test_a_draft_has_its_name_its_spec_and_its_marker(tmp_path: Path) -> None:
    made, folder = draft(tmp_path), tmp_path / "numbers" / "x"
    (made / COMPLETE).write_text("of a killed writer")
    (made / f".{COMPLETE}-123").write_text("of a killed writer")
    publish(spec(), made, folder)
    assert is_whole(folder)
    assert not made.exists()
    assert json.loads((folder / SPEC).read_text())["count"] == spec().count
    assert {path.name for path in folder.iterdir()} == {SPEC, COMPLETE, "data", "two"}


def test_what_stands_there_is_set_aside_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "numbers" / "x"
    publish(spec(), draft(tmp_path), folder)
    (folder / "two").write_text("x")
    with caplog.at_level(logging.WARNING):
        publish(spec(), draft(tmp_path), folder)
    assert is_whole(folder)
    assert (folder.with_name(folder.name + DAMAGED) / "two").read_text() == "x"
    assert "numbers/x was damaged (two has 1 bytes instead of 6)" in caplog.text
