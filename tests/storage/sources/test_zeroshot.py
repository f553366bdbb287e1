from pathlib import Path

import pytest
from PIL import Image

from storage.sources import read_source
from uwm.config import DemoZeroShot, FolderZeroShot
from uwm.errors import SourceError


def test_a_folder_of_classes_is_a_zero_shot_set(tmp_path: Path) -> None:
    for name in ("black_cat", "dog"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (4, 4)).save(tmp_path / name / "0.png")
    (tmp_path / "dog" / "notes.txt").write_text("no picture")
    config = FolderZeroShot(
        kind="folder", name="pets", images=tmp_path, template="a photo of a {}."
    )
    source = read_source(config)
    assert source.texts["prompts"].tolist() == ["a photo of a black cat.", "a photo of a dog."]
    assert source.rows["label"].tolist() == [0, 1]
    assert source.images["images"].tolist() == ["black_cat/0.png", "dog/0.png"]


def test_a_folder_without_classes_is_named(tmp_path: Path) -> None:
    config = FolderZeroShot(kind="folder", name="pets", images=tmp_path)
    with pytest.raises(SourceError, match="0 subfolders and 0 pictures"):
        read_source(config)


def test_the_shipped_sets_are_read() -> None:
    labelled = read_source(DemoZeroShot(kind="demo", set="subjects"))
    assert set(labelled.rows["label"]) == set(range(len(labelled.texts)))
