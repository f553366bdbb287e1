"""Pointers of Git LFS are told from the files that they stand for."""

from __future__ import annotations

from pathlib import Path

import pytest

from uwm.git_lfs import is_pointer, is_pointer_file

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.mark.parametrize(
    ("content", "is_one"),
    [
        (POINTER, True),
        (b"", False),
        (b"PK\x03\x04" + POINTER, False),
        (POINTER + b"x" * 2000, False),
    ],
)
def test_a_pointer_is_small_and_begins_as_the_specification_says(
    tmp_path: Path, content: bytes, is_one: bool
) -> None:
    (tmp_path / "file").write_bytes(content)
    assert is_pointer(content) is is_one
    assert is_pointer_file(tmp_path / "file") is is_one


def test_what_cannot_be_read_is_no_pointer(tmp_path: Path) -> None:
    assert not is_pointer_file(tmp_path / "missing")
    assert not is_pointer_file(tmp_path)
