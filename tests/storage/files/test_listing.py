"""Files of a data set that is a folder of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.files.listing import data_files, is_hidden
from uwm.errors import SourceError


def test_files_come_in_the_order_of_names_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.tar", "a.tar", "._a.tar", ".c.tar", "d.csv"):
        (tmp_path / name).touch()
    (tmp_path / "e.tar").mkdir()
    assert [path.name for path in data_files(tmp_path, "tar")] == ["a.tar", "b.tar"]


def test_a_file_is_itself_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "shard.bin").touch()
    assert data_files(tmp_path / "shard.bin", "tar") == [tmp_path / "shard.bin"]


def test_a_folder_without_such_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "._a.tar").touch()
    with pytest.raises(SourceError, match=r"has no \.tar file"):
        data_files(tmp_path, "tar")


@pytest.mark.parametrize(
    ("name", "hidden"), [("._a", True), (".git", True), ("__MACOSX", True), ("a._b", False)]
)
def test_what_lists_leave_out_is_hidden(name: str, hidden: bool) -> None:
    assert is_hidden(name) is hidden
