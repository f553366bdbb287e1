from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
import torch
from open_clip import CLIP, CustomTextCLIP
from torch import Tensor
from transformers import CLIPModel, SiglipConfig, SiglipModel

from tests.makers.hugging_face import clip, siglip, small_trunk
from uwm.backbones.architecture import build
from uwm.backbones.catalog import built_in
from uwm.backbones.files import read_json
from uwm.backbones.hugging_face.config import to_model_config
from uwm.backbones.hugging_face.names import entries, to_hugging_face, to_open_clip
from uwm.backbones.hugging_face.write import to_config
from uwm.backbones.weight_files import fill
from uwm.errors import UnknownBackboneError

Theirs = CLIPModel | SiglipModel
Ours: TypeAlias = CLIP | CustomTextCLIP
Make = Callable[[], Theirs]


@pytest.fixture(autouse=True)
def trunk() -> Iterator[None]:
    with small_trunk():
        yield


def converted(model: Theirs) -> tuple[Ours, dict[str, Any]]:
    config = to_model_config(model.config.to_dict())
    ours = build(config)
    fill(ours, to_open_clip(model.state_dict(), config))
    return ours, config


def features(found: object) -> Tensor:
    pooled = getattr(found, "pooler_output", found)
    assert isinstance(pooled, Tensor)
    return pooled


MODELS = [
    pytest.param(clip, id="clip"),
    pytest.param(lambda: clip("gelu"), id="clip-gelu"),
    pytest.param(lambda: clip("gelu_pytorch_tanh"), id="clip-tanh"),
    pytest.param(siglip, id="siglip"),
]


@pytest.mark.parametrize("make", MODELS)
def test_embeddings_are_those_of_transformers(make: Make) -> None:
    theirs = make()
    ours, config = converted(theirs)
    pixels = torch.randn(3, 3, 32, 32)
    context = config["text_cfg"]["context_length"]
    ids = torch.randint(2, 90, (3, context))
    if theirs.config.model_type == "clip":
        for row, end in enumerate((4, 9, context - 1)):
            ids[row, end], ids[row, end + 1 :] = 49407, 0
    with torch.no_grad():
        for found, expected in (
            (ours.encode_image(pixels), theirs.get_image_features(pixel_values=pixels)),
            (ours.encode_text(ids), theirs.get_text_features(input_ids=ids)),
        ):
            torch.testing.assert_close(found, features(expected), rtol=0, atol=1e-5)
            assert features(expected).abs().mean() > 0.01


@pytest.mark.parametrize("make", MODELS)
def test_weights_there_and_back_are_the_same_bit_for_bit(make: Make) -> None:
    theirs = make()
    ours, config = converted(theirs)
    back = to_hugging_face(ours.state_dict(), config)
    expected = theirs.state_dict()
    assert set(back) == {name for name in expected if not name.endswith("position_ids")}
    assert all(torch.equal(value, expected[name]) for name, value in back.items())


@pytest.mark.parametrize("name", [name for name in built_in() if "SigLIP2" in name])
def test_every_siglip_of_open_clip_has_each_parameter_of_transformers(name: str) -> None:
    """Names and shapes, on the meta device."""
    config = read_json(built_in()[name])
    with torch.device("meta"):
        ours = build(config).state_dict()
        theirs = SiglipModel(SiglipConfig(**to_config(config))).state_dict()
    listed = list(entries(config))
    assert {part for entry in listed for part, _ in entry.ours} == set(ours)
    found = to_hugging_face(ours, config)
    assert {key: value.shape for key, value in found.items()} == {
        key: value.shape for key, value in theirs.items() if not key.endswith("position_ids")
    }


def test_old_position_numbers_are_not_weights() -> None:
    model = clip()
    weights = {**model.state_dict(), "text_model.embeddings.position_ids": torch.arange(16)}
    assert to_open_clip(weights, to_model_config(model.config.to_dict()))


def test_missing_and_foreign_parameters_are_named() -> None:
    model = clip()
    config, weights = to_model_config(model.config.to_dict()), dict(model.state_dict())
    with pytest.raises(UnknownBackboneError, match=r"language_model\.head"):
        to_open_clip({**weights, "language_model.head": torch.zeros(1)}, config)
    del weights["text_model.final_layer_norm.bias"]
    with pytest.raises(UnknownBackboneError, match=r"lack text_model\.final_layer_norm\.bias"):
        to_open_clip(weights, config)
    weights = dict(model.state_dict())
    name = "vision_model.encoder.layers.0.self_attn.q_proj.weight"
    weights[name] = weights[name][:-1]
    with pytest.raises(UnknownBackboneError, match="shape"):
        fill(build(config), to_open_clip(weights, config))
