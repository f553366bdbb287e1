from pathlib import Path

import pytest

import uwm
from uwm.config import FolderBackbone
from uwm.errors import UnknownBackboneError


def test_a_folder_by_its_path_is_the_one_of_a_configuration(zoo: dict[str, Path]) -> None:
    by_path = uwm.load(zoo["clip"])
    config = FolderBackbone(kind="folder", name="clip", folder=zoo["clip"])
    assert uwm.load(config) is by_path
    assert uwm.load(str(zoo["clip"])) is by_path


def test_a_file_of_weights_needs_the_name_of_its_model(zoo: dict[str, Path]) -> None:
    weights = zoo["clip"] / "open_clip_model.safetensors"
    with pytest.raises(UnknownBackboneError):
        uwm.load("no-such-model", weights=weights)
    with pytest.raises(UnknownBackboneError, match="a backbone is a folder"):
        uwm.load(weights)


@pytest.mark.parametrize("name", ["demo:resnet", "ViT-B-32", "vit"])
def test_a_name_that_says_too_little_is_refused(name: str) -> None:
    with pytest.raises(UnknownBackboneError, match="demo:vit, demo:coca, demo:siglip"):
        uwm.load(name)
