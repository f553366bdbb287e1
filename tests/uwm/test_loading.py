import json
import shutil
from pathlib import Path

import pytest
import torch

from tests.conftest import write_backbone
from tests.uwm.test_backbone import folder_backbone
from uwm.config import OpenClipBackbone
from uwm.errors import InputError, UnknownBackboneError
from uwm.loading import load, resolve_device


def test_damaged_weights_are_an_error_of_ours(tmp_path: Path) -> None:
    folder = write_backbone(tmp_path / "broken", "clip")
    (folder / "open_clip_model.safetensors").write_bytes(b"not weights at all")
    with pytest.raises(UnknownBackboneError, match="not a whole safetensors file"):
        load.__wrapped__(folder_backbone(folder))


def test_an_unknown_tag_is_an_error_of_ours() -> None:
    config = OpenClipBackbone(kind="open_clip", model="ViT-B-32", pretrained="no-such", name="x")
    with pytest.raises(UnknownBackboneError, match="no-such"):
        load.__wrapped__(config)


def test_a_merges_file_outside_the_folder_is_refused(zoo: dict[str, Path], tmp_path: Path) -> None:
    copy = shutil.copytree(zoo["clip"], tmp_path / "copy")
    config = json.loads((copy / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"]["tokenizer_kwargs"] = {"bpe_path": "../../etc/passwd"}
    (copy / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(UnknownBackboneError, match="must lie in the backbone's folder"):
        load.__wrapped__(folder_backbone(copy))


def test_a_gpu_that_is_not_there_is_named() -> None:
    assert resolve_device("cpu") == "cpu"
    if not torch.cuda.is_available():
        assert resolve_device("auto") == "cpu"
        with pytest.raises(InputError, match="uwm doctor"):
            resolve_device("cuda")
