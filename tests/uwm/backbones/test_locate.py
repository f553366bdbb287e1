import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from tests.makers.hub_server import ask, serving
from tests.makers.hugging_face import clip, save
from uwm.backbones.load import load
from uwm.backbones.locate import check_available, locate
from uwm.config import FolderBackbone, HubBackbone, OpenClipBackbone
from uwm.errors import MissingWeightsError, UnknownBackboneError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own, and a hub that nothing answers for."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    ask(monkeypatch, "http://127.0.0.1:9")
    return tmp_path / "cache"


def tagged(model: str, tag: str) -> OpenClipBackbone:
    return OpenClipBackbone(kind="open_clip", model=model, pretrained=tag, name="x")


def from_file(model: str, path: Path) -> OpenClipBackbone:
    path.touch()
    return OpenClipBackbone(kind="open_clip", model=model, weights=path, name="x")


def test_a_tag_out_of_reach_is_told_with_its_files() -> None:
    with pytest.raises(MissingWeightsError) as caught:
        check_available(tagged("ViT-B-32", "laion2b_e16"))
    assert "open_clip_model.safetensors or open_clip_pytorch_model.bin" in str(caught.value)


def test_a_tokenizer_out_of_reach_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = {"timm/ViT-B-16-SigLIP2/open_clip_model.safetensors": b"weights"}
    with serving(weights) as (address, _):
        ask(monkeypatch, address)
        with pytest.raises(MissingWeightsError, match=r"tokenizer\.json"):
            check_available(tagged("ViT-B-16-SigLIP2", "webli"))


def test_a_tags_preprocessing_comes_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "timm/PE-Core-B-16/open_clip_model.safetensors": b"weights",
    }
    with serving(files) as (address, _):
        ask(monkeypatch, address)
        found = locate(tagged("PE-Core-B-16", "meta"))
    assert found.weights.read_bytes() == b"weights"
    assert found.preprocess["interpolation"] == "bilinear"
    assert found.preprocess["resize_mode"] == "squash"


def test_a_file_has_the_preprocessing_that_its_models_tags_agree_on(tmp_path: Path) -> None:
    known = locate(from_file("MobileCLIP-B", tmp_path / "mine.safetensors")).preprocess
    assert (known["mean"], known["interpolation"]) == ((0.0, 0.0, 0.0), "bilinear")
    assert locate(from_file("ViT-L-14", tmp_path / "mine.safetensors")).preprocess == {}


def test_a_published_file_of_the_other_activation_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "vit_b_32-quickgelu-laion400m_e32-46683a32.pt"
    with pytest.raises(UnknownBackboneError, match="Use model: ViT-B-32-quickgelu"):
        locate(from_file("ViT-B-32", path))
    assert locate(from_file("ViT-B-32-quickgelu", path)).weights == path


@pytest.mark.parametrize("file", ["config.json", "open_clip_config.json"])
def test_a_configuration_beside_a_file_tells_its_activation(tmp_path: Path, file: str) -> None:
    """Safe-CLIP is published so: weights in open_clip's form beside a `config.json`."""
    said: dict[str, object] = {"model_cfg": {"quick_gelu": True}}
    if file == "config.json":
        said = {f"{tower}_config": {"hidden_act": "quick_gelu"} for tower in ("text", "vision")}
    (tmp_path / file).write_text(json.dumps(said))
    path = tmp_path / "open_clip_pytorch_model.bin"
    with pytest.raises(UnknownBackboneError, match="Use model: ViT-L-14-quickgelu"):
        locate(from_file("ViT-L-14", path))
    assert locate(from_file("ViT-L-14-quickgelu", path)).weights == path
    with pytest.raises(UnknownBackboneError, match=r"no name for the other.*quick_gelu: true"):
        locate(from_file("ViT-S-32-alt", path))


def test_an_unknown_kind_of_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownBackboneError, match=r"\.npz is none of these"):
        locate(from_file("ViT-B-32", tmp_path / "weights.npz"))


@pytest.mark.parametrize("missing", ["open_clip_model.safetensors", "open_clip_config.json"])
def test_a_folder_without_its_files_is_told(
    zoo: dict[str, Path], tmp_path: Path, missing: str
) -> None:
    folder = shutil.copytree(zoo["clip"], tmp_path / "copy")
    (folder / missing).unlink()
    with pytest.raises(UnknownBackboneError, match=missing):
        locate(FolderBackbone(kind="folder", folder=folder, name="x"))


def test_a_repository_in_either_form_is_fetched_and_read_as_a_folder(
    zoo: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = save(clip(), tmp_path / "theirs")
    files = {
        f"me/{name}/{path.name}": path.read_bytes()
        for name, folder in (("ours", zoo["clip"]), ("theirs", theirs))
        for path in folder.iterdir()
    }
    with serving(files) as (address, _):
        ask(monkeypatch, address)
        for name, folder in (("ours", zoo["clip"]), ("theirs", theirs)):
            hub = HubBackbone(kind="hub", repo=f"me/{name}", name="x")
            local = FolderBackbone(kind="folder", folder=folder, name="x")
            check_available(hub)
            one, other = load.__wrapped__(hub), load.__wrapped__(local)
            assert one.tower_digest("image") == other.tower_digest("image")
            assert one.tower_digest("text") == other.tower_digest("text")


def split(folder: Path, tmp_path: Path) -> Path:
    """The image tower of a Hugging Face folder, as CLIPVisionModel saves it."""
    lone = tmp_path / "lone"
    lone.mkdir()
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())["vision_config"]
    config["model_type"] = "clip_vision_model"
    (lone / "config.json").write_text(json.dumps(config))
    weights = load_file(folder / "model.safetensors")
    image = {name: value for name, value in weights.items() if name.startswith("vision_model.")}
    image["vision_model.post_layernorm.bias"] += 1  # it was trained on since
    save_file(image, lone / "model.safetensors")
    return lone


def test_a_lone_image_tower_takes_from_the_whole_model_what_it_lacks(tmp_path: Path) -> None:
    whole = save(clip(), tmp_path / "whole")
    lone = split(whole, tmp_path)
    with pytest.raises(UnknownBackboneError, match="text:"):
        locate(FolderBackbone(kind="folder", folder=lone, name="x"))
    joined, original = (
        load.__wrapped__(config)
        for config in (
            FolderBackbone(kind="folder", folder=lone, text=whole, name="x"),
            FolderBackbone(kind="folder", folder=whole, name="x"),
        )
    )
    assert joined.tower_digest("text") == original.tower_digest("text")
    bias = "visual.ln_post.bias"
    ours, theirs = (found.model.state_dict()[bias] for found in (joined, original))
    assert torch.equal(ours, theirs + 1)
    with pytest.raises(UnknownBackboneError, match="text tower of its own"):
        locate(FolderBackbone(kind="folder", folder=whole, text=whole, name="x"))
