import json
from pathlib import Path

import open_clip
import pytest

from uwm.backbones.catalog import model_config
from uwm.config import FolderBackbone, OpenClipBackbone
from uwm.errors import UnknownBackboneError


def test_every_model_of_open_clip_is_known() -> None:
    for name in open_clip.list_models():
        if name.startswith("uwm-test-"):  # other tests' own
            continue
        config = OpenClipBackbone(kind="open_clip", model=name, pretrained="x", name="x")
        assert model_config(config) == open_clip.get_model_config(name)


def test_a_misspelt_name_is_met_with_the_nearest() -> None:
    config = OpenClipBackbone(kind="open_clip", model="ViT-B-23", pretrained="x", name="x")
    with pytest.raises(UnknownBackboneError, match="ViT-B-32"):
        model_config(config)


@pytest.mark.parametrize("content", ["not json", "[]", json.dumps({"model_cfg": {}})])
def test_a_folder_that_holds_no_configuration_is_named(tmp_path: Path, content: str) -> None:
    config = FolderBackbone(kind="folder", folder=tmp_path, name="x")
    with pytest.raises(UnknownBackboneError, match=r"lacks open_clip_config\.json"):
        model_config(config)
    (tmp_path / "open_clip_config.json").write_text(content)
    with pytest.raises(UnknownBackboneError, match=r"open_clip_config\.json"):
        model_config(config)
