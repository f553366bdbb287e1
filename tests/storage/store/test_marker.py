"""A marker lists an artifact's files, and is read with distrust."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from storage.store.marker import COMPLETE, SPEC, files_of, inside, listed, sha256
from uwm.errors import DamagedArtifactError

GOOD: dict[str, Any] = {SPEC: {"size": 1, "sha256": "a"}}


def marker(files: object) -> bytes:
    return json.dumps({"files": files}).encode()


def test_every_file_but_the_marker_is_listed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in (SPEC, "a/b", COMPLETE):
        (tmp_path / name).write_text(name)
    files = files_of(tmp_path)
    assert set(files) == {SPEC, "a/b"}
    assert files["a/b"] == {"size": 3, "sha256": sha256(tmp_path / "a" / "b")}
    assert listed(marker(files)) == files


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        marker([]),
        marker({}),
        marker({"other": {"size": 1, "sha256": "a"}}),
        marker({SPEC: {"size": "1", "sha256": "a"}}),
        marker({SPEC: {"size": True, "sha256": "a"}}),
        marker({SPEC: {"size": 1}}),
        marker(GOOD | {"../out": {"size": 1, "sha256": "a"}}),
        marker(GOOD | {"/out": {"size": 1, "sha256": "a"}}),
    ],
)
def test_what_is_no_marker_is_damage(content: bytes) -> None:
    assert listed(marker(GOOD)) == GOOD
    with pytest.raises(DamagedArtifactError):
        listed(content)


@pytest.mark.parametrize("name", ["", ".", "..", "a/../../b", "/a", "a\\b", "a\0", "\udc80"])
def test_a_name_that_leads_out_or_that_no_file_has_is_refused(name: str) -> None:
    with pytest.raises(DamagedArtifactError, match="leads out"):
        inside(name)


@pytest.mark.parametrize("name", ["a", "a/b.c", "ä/ b", "...", "a..b"])
def test_any_other_name_is_a_path(name: str) -> None:
    assert inside(name).as_posix() == name
