"""What a tokenizer cuts or makes equal, read back as it was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.formats.cut_texts import CutTexts, read_cut_texts, write_cut_texts


@pytest.mark.parametrize("alike", [(), (3, 17)])
def test_what_was_written_is_read_back(tmp_path: Path, alike: tuple[int, ...]) -> None:
    found = CutTexts(texts=40, cut={"safe": 2, "unsafe": 0}, context=77, alike=alike)
    write_cut_texts(tmp_path, found)
    assert read_cut_texts(tmp_path) == found
