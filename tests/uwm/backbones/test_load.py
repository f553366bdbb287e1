import gzip
import json
import logging
import shutil
from pathlib import Path

import pytest
import torch

from tests.makers.backbones import write_backbone
from tests.makers.folders import folder_backbone
from uwm.backbones.load import load, resolve_device
from uwm.config import FolderBackbone, OpenClipBackbone, Precision, Preprocess
from uwm.errors import InputError, UnknownBackboneError
from uwm.layers import find_layers
from uwm.method.capture import capture
from uwm.method.observe import observing


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


def test_a_merges_file_that_unpacks_without_end_is_refused(
    zoo: dict[str, Path], tmp_path: Path
) -> None:
    copy = shutil.copytree(zoo["clip"], tmp_path / "copy")
    config = json.loads((copy / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"]["tokenizer_kwargs"] = {"bpe_path": "merges.txt.gz"}
    (copy / "open_clip_config.json").write_text(json.dumps(config))
    (copy / "merges.txt.gz").write_bytes(gzip.compress(bytes(2**25)))
    with pytest.raises(UnknownBackboneError, match="unpacks to more"):
        load.__wrapped__(folder_backbone(copy))


def test_guessed_preprocessing_is_told_and_what_the_audit_says_wins(
    zoo: dict[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copy = shutil.copytree(zoo["clip"], tmp_path / "copy")
    config = json.loads((copy / "open_clip_config.json").read_text())
    config["preprocess_cfg"] = {"std": [0.25, 0.25, 0.25], "resize_mode": "squash"}
    (copy / "open_clip_config.json").write_text(json.dumps(config))
    with caplog.at_level(logging.WARNING, "uwm"):
        guessed = load.__wrapped__(folder_backbone(copy))
    (said,) = [record.getMessage() for record in caplog.records]
    assert "guessed mean" in said
    assert "interpolation bicubic" in said
    assert "std" not in said
    assert guessed.geometry.resize_mode == "squash"

    caplog.clear()
    told = {"mean": (0.1, 0.2, 0.3), "interpolation": "bilinear", "resize_mode": "shortest"}
    given = FolderBackbone(kind="folder", folder=copy, name="x", preprocess=Preprocess(**told))
    with caplog.at_level(logging.WARNING, "uwm"):
        stated = load.__wrapped__(given)
    assert not caplog.records
    assert stated.normalization.mean == told["mean"]
    assert stated.normalization.std == (0.25, 0.25, 0.25)
    assert stated.geometry.interpolation == "bilinear"
    assert stated.geometry.resize_mode == "shortest"


def test_pictures_of_another_size_than_the_tower_takes_are_refused(zoo: dict[str, Path]) -> None:
    config = FolderBackbone(
        kind="folder", folder=zoo["clip"], name="x", preprocess=Preprocess(size=64)
    )
    with pytest.raises(InputError, match="32x32"):
        load.__wrapped__(config)


def test_openais_own_weights_need_the_quickgelu_name(tmp_path: Path) -> None:
    weights = {
        name: torch.zeros(1) for name in ("input_resolution", "context_length", "vocab_size")
    }
    torch.save({**weights, "visual.proj": torch.zeros(1)}, tmp_path / "mine.pt")
    config = OpenClipBackbone(
        kind="open_clip", model="ViT-B-32", weights=tmp_path / "mine.pt", name="x"
    )
    with pytest.raises(UnknownBackboneError, match="Use model: ViT-B-32-quickgelu"):
        load.__wrapped__(config)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_is_for_the_forward_pass_alone(
    zoo: dict[str, Path], precision: Precision
) -> None:
    whole = load.__wrapped__(folder_backbone(zoo["clip"]))
    half = load.__wrapped__(folder_backbone(zoo["clip"]), "cpu", precision)
    pixels = torch.randint(0, 255, (4, 3, 32, 32), dtype=torch.uint8)
    found, expected = half.encode("image", pixels), whole.encode("image", pixels)
    assert found.dtype == torch.float32
    assert not torch.equal(found, expected)
    torch.testing.assert_close(found, expected, rtol=0, atol=0.02)
    layers = find_layers(half.model, "image", ("fc2", "out"))
    seen = [capture(backbone, "image", layers, pixels) for backbone in (half, whole)]
    for name, activations in seen[0].items():
        for statistic, exact in zip(activations, seen[1][name], strict=True):
            assert statistic.dtype == torch.float32
            torch.testing.assert_close(statistic, exact, rtol=0.05, atol=0.05)
    assert half.tower_digest("image") == whole.tower_digest("image")  # precision is in the specs


def test_sums_over_tokens_stay_float32_in_half_precision(zoo: dict[str, Path]) -> None:
    """A product of sums in bfloat16 would be off by a part in 256; these are exact."""
    half = load.__wrapped__(folder_backbone(zoo["clip"]), "cpu", "bf16")
    pixels = torch.randint(0, 255, (4, 3, 32, 32), dtype=torch.uint8)
    layers = find_layers(half.model, "image", ("fc2",))
    inputs: dict[str, torch.Tensor] = {}
    with observing(half.model, layers, lambda layer, x: inputs.update({layer.input: x.clone()})):
        half.forward("image", pixels)
    found = capture(half, "image", layers, pixels)
    for layer in layers:
        exact = inputs[layer.input].double().norm(dim=1)
        torch.testing.assert_close(found[layer.input].norm.double(), exact, rtol=1e-5, atol=1e-6)
