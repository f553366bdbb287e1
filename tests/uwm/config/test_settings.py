"""What every part of the configuration shares."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from uwm.config.settings import Data, Factor, File, Folder, Name, Place, Settings, Share


class Part(Settings):
    """One field of every type."""

    name: Name = "a"
    share: Share = 0.5
    factor: Factor = 0
    data: Data | None = None
    file: File | None = None
    folder: Folder | None = None
    place: Place | None = None


@pytest.mark.parametrize("key", ["data", "file", "folder", "place"])
def test_a_path_is_relative_to_the_file_of_the_audit(tmp_path: Path, key: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "sub").mkdir()
    name = "sub" if key == "folder" else "file"
    found = Part.model_validate({key: name}, context={"folder": tmp_path})
    assert getattr(found, key) == tmp_path / name
    absolute = {key: str(tmp_path / name)}
    assert Part.model_validate(absolute, context={"folder": tmp_path / "sub"}) == found


@pytest.mark.parametrize(("key", "kept"), [("data", False), ("file", False), ("place", True)])
def test_only_a_place_may_point_to_nothing(tmp_path: Path, key: str, kept: bool) -> None:
    missing = {key: str(tmp_path / "none")}
    if kept:
        assert Part.model_validate(missing).place == tmp_path / "none"
    else:
        with pytest.raises(ValidationError, match="does not point to a file"):
            Part.model_validate(missing)


@pytest.mark.parametrize("name", ["", "-a", " a", "a/b", "..", "a\nb", "ä", "a:b"])
def test_a_name_is_fit_for_a_file(name: str) -> None:
    with pytest.raises(ValidationError, match="a name begins with a letter or digit"):
        Part(name=name)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_is_finite(value: float) -> None:
    with pytest.raises(ValidationError):
        Part(factor=value)
    with pytest.raises(ValidationError):
        Part(share=value)


def test_a_part_never_changes_and_knows_its_keys() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Part().share = 0.1  # type: ignore[misc]
    with pytest.raises(ValidationError, match="not permitted"):
        Part.model_validate({"shares": 0.1})
