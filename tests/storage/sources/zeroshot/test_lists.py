"""Layouts whose splits are lists: what is listed and there is read, and nothing outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.sources.zeroshot.lists import listed_pictures, read_lines
from uwm.errors import SourceError


def test_lines_are_stripped_and_empty_ones_left_out(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(" a \r\n\n\tb c\n")
    assert read_lines(tmp_path / "list.txt") == ["a", "b c"]


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_what_is_no_text_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(SourceError, match=r"list\.txt is not a readable text file"):
        read_lines(tmp_path / "list.txt")


def test_what_is_listed_and_not_there_is_counted(tmp_path: Path) -> None:
    (tmp_path / "b.jpg").write_bytes(b"picture")
    found = listed_pictures(tmp_path, ["a.jpg", "b.jpg", "b.jpg"], ["x", "y", "y"], ["x", "y"])
    assert (found.references, found.labels) == (["b.jpg", "b.jpg"], ["y", "y"])
    assert list(found.classes) == ["x", "y"]
    assert found.excluded == {"listed but not there": 1}
    assert found.read("b.jpg") == b"picture"


@pytest.mark.parametrize("name", ["../out.jpg", "/out.jpg", "a/../../out.jpg"])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    root = tmp_path / "images"
    root.mkdir()
    (tmp_path / "out.jpg").touch()
    with pytest.raises(SourceError, match="leads out of it"):
        listed_pictures(root, [name], ["x"], ["x"])


def test_a_label_that_is_no_class_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="'z', which is not a class"):
        listed_pictures(tmp_path / "images", ["a.jpg"], ["z"], ["x"])
