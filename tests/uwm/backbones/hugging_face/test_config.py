from typing import Any

import pytest
import timm
import torch
from torch import nn
from transformers import CLIPConfig, SiglipConfig

from tests.makers.hugging_face import clip
from uwm.backbones.architecture import canonical
from uwm.backbones.catalog import built_in
from uwm.backbones.files import read_json
from uwm.backbones.hugging_face.config import to_model_config, with_text_of
from uwm.backbones.hugging_face.trunks import SIGLIP_TRUNKS, trunk_is_tanh
from uwm.errors import UnknownBackboneError, UnsupportedFamilyError
from uwm.families import TOWERS


@pytest.mark.parametrize("kind", [CLIPConfig, SiglipConfig])
def test_what_a_file_leaves_out_has_the_default_of_transformers(kind: type) -> None:
    whole = kind().to_dict()
    bare = {"model_type": whole["model_type"]}
    assert to_model_config(bare) == to_model_config(whole)


@pytest.mark.parametrize(
    ("name", "vision", "text", "dim"),
    [
        ("ViT-B-32-quickgelu", {}, {}, 512),
        (
            "ViT-L-14-quickgelu",
            {
                "hidden_size": 1024,
                "intermediate_size": 4096,
                "num_hidden_layers": 24,
                "num_attention_heads": 16,
                "patch_size": 14,
            },
            {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12},
            768,
        ),
        (
            "ViT-B-32",
            {"hidden_act": "gelu"},
            {"hidden_act": "gelu"},
            512,
        ),
    ],
)
def test_the_published_models_are_open_clips_own_networks(
    name: str, vision: dict[str, object], text: dict[str, object], dim: int
) -> None:
    config = {
        "model_type": "clip",
        "projection_dim": dim,
        "vision_config": vision,
        "text_config": text,
    }
    found, expected = to_model_config(config), read_json(built_in()[name])
    for tower in TOWERS:
        assert canonical(found, tower) == canonical(expected, tower)


def test_every_siglip_of_open_clip_has_a_known_trunk_of_that_shape_and_activation() -> None:
    trunks = {
        read_json(path)["vision_cfg"].get("timm_model_name", "")
        for name, path in built_in().items()
        if "SigLIP" in name
    }
    assert {name.rpartition("_")[0] for name in trunks} == set(SIGLIP_TRUNKS.values())
    shapes = {name: shape for shape, name in SIGLIP_TRUNKS.items()}
    for name in sorted(trunks):
        with torch.device("meta"):
            model: Any = timm.create_model(name, num_classes=0)
        block = model.blocks[0]
        assert shapes[name.rpartition("_")[0]] == (
            model.embed_dim,
            len(model.blocks),
            block.attn.num_heads,
            block.mlp.fc1.out_features,
            model.patch_embed.patch_size[0],
        )
        act = block.mlp.act
        tanh = type(act).__name__ == "GELUTanh" or getattr(act, "approximate", "none") == "tanh"
        assert tanh == trunk_is_tanh(name), name
        assert isinstance(block.norm1, nn.LayerNorm)
        assert block.norm1.eps == 1e-6


def test_a_lone_image_tower_asks_for_its_text_tower() -> None:
    whole = clip().config.to_dict()
    lone = {**whole["vision_config"], "model_type": "clip_vision_model"}
    with pytest.raises(UnknownBackboneError, match="text:"):
        to_model_config(lone)
    assert to_model_config(with_text_of(lone, whole)) == to_model_config(whole)
    with pytest.raises(UnknownBackboneError, match="does not go with"):
        with_text_of({"model_type": "siglip_vision_model"}, whole)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model_type": "llava"}, "llava"),
        ({"model_type": None}, "clip and siglip can be read"),
        ({"vision_config": []}, "mapping"),
        ({"vision_config": {"num_hidden_layers": 10**9}}, r"vision_config\.num_hidden_layers"),
        ({"text_config": {"hidden_size": "wide"}}, r"text_config\.hidden_size"),
        ({"projection_dim": -1}, "projection_dim"),
    ],
)
def test_a_hostile_configuration_is_refused_before_anything_is_built(
    changes: dict[str, object], said: str
) -> None:
    with pytest.raises(UnknownBackboneError, match=said):
        to_model_config({"model_type": "clip", **changes})


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "clip", "text_config": {"hidden_act": "gelu"}}, "one activation"),
        (
            {
                "model_type": "clip",
                "text_config": {"hidden_act": "relu"},
                "vision_config": {"hidden_act": "relu"},
            },
            "'relu'",
        ),
        ({"model_type": "siglip", "vision_config": {"num_hidden_layers": 5}}, "timm"),
        ({"model_type": "siglip", "text_config": {"hidden_act": "quick_gelu"}}, "GELU"),
    ],
)
def test_a_network_that_open_clip_cannot_build_is_told(
    config: dict[str, object], said: str
) -> None:
    with pytest.raises(UnsupportedFamilyError, match=said):
        to_model_config(config)


@pytest.mark.parametrize("id", [2, 884, None])
def test_end_of_text_is_the_highest_id_or_pooling_would_be_elsewhere(id: int | None) -> None:
    config = {"model_type": "clip", "text_config": {"vocab_size": 885, "eos_token_id": id}}
    assert to_model_config(config)["text_cfg"]["vocab_size"] == 885
    config["text_config"] = {"vocab_size": 886, "eos_token_id": 884}
    with pytest.raises(UnsupportedFamilyError, match=r"end-of-text.*884 of 886"):
        to_model_config(config)
