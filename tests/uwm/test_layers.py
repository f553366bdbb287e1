import pytest
import torch
from torch import nn

from tests.makers.backbones import LoadFresh
from uwm.backbones.backbone import Backbone
from uwm.errors import UnknownBlockError, UnknownRoleError, UnsupportedFamilyError
from uwm.families import FAMILIES, ROLES, TOWERS, Blocks, Tower, check_roles, family_of
from uwm.layers import LayerId, find_layers, pick_blocks


@pytest.mark.parametrize("tower", TOWERS)
def test_every_block_has_every_role(backbone: Backbone, tower: Tower) -> None:
    layers = find_layers(backbone.model, tower, ROLES)
    blocks = {layer.id.block for layer in layers}
    assert blocks == set(range(len(blocks)))
    assert {layer.id for layer in layers} == {
        LayerId(tower, block, role) for block in blocks for role in ROLES
    }


@pytest.mark.parametrize("tower", TOWERS)
def test_shapes_are_those_of_a_transformer(backbone: Backbone, tower: Tower) -> None:
    weights = {
        layer.id.role: layer.weight(backbone.model)
        for layer in find_layers(backbone.model, tower, ROLES)
    }
    width = weights["out"].shape[0]
    for role in ("query", "key", "value", "out"):
        assert weights[role].shape == (width, width)
    assert weights["fc1"].shape == weights["fc2"].T.shape
    assert weights["fc1"].shape[1] == width


@pytest.mark.parametrize("tower", TOWERS)
def test_a_weight_is_a_view_into_the_model(backbone: Backbone, tower: Tower) -> None:
    for layer in find_layers(backbone.model, tower, ROLES):
        layer.weight(backbone.model).fill_(ROLES.index(layer.id.role))
    for layer in find_layers(backbone.model, tower, ROLES):
        assert (layer.weight(backbone.model) == ROLES.index(layer.id.role)).all()


def test_packed_rows_run_query_key_value(backbone: Backbone) -> None:
    for tower in TOWERS:
        layers = [
            layer
            for layer in find_layers(backbone.model, tower, ("query", "key", "value"))
            if layer.id.block == 0
        ]
        packed = backbone.model.get_parameter(layers[0].parameter)
        assert torch.equal(torch.cat([layer.weight(backbone.model) for layer in layers]), packed)
        assert len({layer.input for layer in layers}) == 1


def test_layers_named_in_text_read_back() -> None:
    assert str(LayerId("image", 3, "fc2")) == "image.03.fc2"
    assert LayerId.parse("image.03.fc2") == LayerId("image", 3, "fc2")
    gate = LayerId("image", 3, "fc1", "gate")
    assert LayerId.parse(str(gate)) == gate
    with pytest.raises(ValueError, match=r"TOWER\.BLOCK\.ROLE"):
        LayerId.parse("audio.03.fc2")


def test_a_model_without_known_blocks_is_refused() -> None:
    with pytest.raises(UnsupportedFamilyError, match="native ViT, timm ViT"):
        find_layers(nn.Linear(2, 2), "image", ["fc2"])


def test_an_unknown_role_names_the_known_ones() -> None:
    (family,) = (family for family in FAMILIES if family.name == "ConvNeXt")
    with pytest.raises(UnknownRoleError, match="ConvNeXt blocks have the roles fc1, fc2; got out"):
        check_roles(family, ["fc2", "out"])


@pytest.mark.parametrize(
    ("tower", "config", "said"),
    [
        ("image", {"vision_cfg": {"layers": [3, 4, 6, 3]}}, "ResNet.*attention pool"),
        ("image", {"vision_cfg": {"timm_model_name": "resnet50"}}, "resnet50"),
        ("text", {"text_cfg": {"hf_model_name": "gpt2"}}, "gpt2"),
    ],
)
def test_a_family_that_cannot_be_edited_says_so(
    tower: Tower, config: dict[str, object], said: str
) -> None:
    with pytest.raises(UnsupportedFamilyError, match=said):
        family_of(config, tower)


def test_blocks_are_picked_by_half_or_by_number(load_fresh: LoadFresh) -> None:
    layers = find_layers(load_fresh("siglip").model, "image", ("fc2", "out"))
    there = {layer.id.block for layer in layers}
    assert len(there) > 2

    def picked(blocks: Blocks) -> set[int]:
        return {layer.id.block for layer in pick_blocks(layers, blocks)}

    assert picked("all") == picked("early") | picked("late") == there
    assert max(picked("early")) < min(picked("late"))
    assert picked((1,)) == {1}
    with pytest.raises(UnknownBlockError, match=r"got \[0, 99\]"):
        picked((0, 99))
