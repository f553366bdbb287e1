"""A final projection is found in every tower that has one, and embeddings follow it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from open_clip.hf_model import HFTextEncoder
from open_clip.modified_resnet import ModifiedResNet
from open_clip.timm_model import TimmModel
from torch import nn

from tests.makers.families import TEXTS, text_tower
from uwm.backbones.backbone import Backbone
from uwm.errors import UnsupportedFamilyError
from uwm.families import TOWERS, Tower
from uwm.method.projection import Projection, check_projection, find_projection


def has_one(backbone: Backbone, tower: Tower) -> bool:
    """SigLIP's pictures are pooled by attention, which ends in a residual sum."""
    return not (tower == "image" and "timm_model_name" in backbone.model_config["vision_cfg"])


@pytest.mark.parametrize("tower", TOWERS)
def test_embeddings_follow_it_and_the_model_stays_as_it_was(
    backbone: Backbone, tower: Tower
) -> None:
    if not has_one(backbone, tower):
        with pytest.raises(UnsupportedFamilyError, match="ends in no linear projection"):
            check_projection(backbone, tower)
        return
    before = {name: values.clone() for name, values in backbone.model.state_dict().items()}
    check_projection(backbone, tower)
    assert all(values.equal(before[name]) for name, values in backbone.model.state_dict().items())


@pytest.mark.parametrize("tower", TOWERS)
def test_what_is_read_is_what_was_written(backbone: Backbone, tower: Tower) -> None:
    if not has_one(backbone, tower):
        pytest.skip("it ends in no linear projection, see above")
    projection = find_projection(backbone.model, tower)
    originals = projection.read(backbone.model)
    assert len(originals) == backbone.dim
    other = torch.randn_like(originals)
    projection.write(backbone.model, other)
    assert projection.read(backbone.model).equal(other)
    projection.write(backbone.model, originals)
    assert projection.read(backbone.model).equal(originals)


def mapped(model: nn.Module, tower: Tower, matrix: torch.Tensor) -> None:
    """Put the matrix behind the tower's projection."""
    projection = find_projection(model, tower)
    projection.write(model, matrix @ projection.read(model))


@pytest.mark.parametrize("kind", ["linear", "mlp"])
@pytest.mark.parametrize("case", TEXTS)
def test_borrowed_text_towers_end_in_it(case: str, kind: str, tmp_path: Path) -> None:
    model, ids = text_tower(case, tmp_path)
    text = model.get_submodule("text")
    assert isinstance(text, HFTextEncoder)
    shape = {"output_dim": 12, "pooler_type": "mean_pooler", "pretrained": False}
    text.proj = HFTextEncoder(str(tmp_path), proj_type=kind, **shape).proj
    check_map(model, "text", ids)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_heads_of_timm_trunks_end_in_it(kind: str, bias: bool) -> None:
    torch.manual_seed(0)
    options = {"pool": "avg", "proj": kind, "proj_bias": bias, "pretrained": False}
    tower = TimmModel("resnet10t", embed_dim=12, image_size=64, **options)
    check_map(Visual(tower), "image", torch.randn(2, 3, 64, 64))


def test_a_residual_network_s_attention_pool_ends_in_it() -> None:
    torch.manual_seed(0)
    tower = ModifiedResNet(layers=(1, 1, 1, 1), output_dim=12, heads=4, image_size=64, width=8)
    check_map(Visual(tower.eval()), "image", torch.randn(2, 3, 64, 64))


class Visual(nn.Module):
    """Holds an image tower where open_clip holds it."""

    def __init__(self, visual: nn.Module) -> None:
        super().__init__()
        self.visual = visual.eval()

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        embeddings: torch.Tensor = self.visual(pixels)
        return embeddings


def check_map(model: nn.Module, tower: Tower, inputs: torch.Tensor) -> None:
    """A matrix behind the projection is the same matrix on embeddings."""
    matrix = torch.randn(12, 12)
    with torch.no_grad():
        before = model(inputs)
        mapped(model, tower, matrix)
        torch.testing.assert_close(model(inputs), before @ matrix.T, rtol=1e-3, atol=1e-4)


def test_something_behind_it_is_noticed(
    backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Embeddings that are bent after the projection do not follow a map of it."""
    encode: Any = backbone.model.encode_text
    monkeypatch.setattr(backbone.model, "encode_text", lambda ids: torch.tanh(100 * encode(ids)))
    with pytest.raises(UnsupportedFamilyError, match="something else stands behind it"):
        check_projection(backbone, "text")


def test_a_place_says_whether_it_has_a_bias() -> None:
    model = Visual(nn.Module())
    model.visual.head = nn.Module()
    model.visual.head.proj = nn.Linear(3, 4)
    assert find_projection(model, "image") == Projection(
        "visual.head.proj.weight", bias="visual.head.proj.bias"
    )
    assert find_projection(model, "image").read(model).shape == (4, 4)
