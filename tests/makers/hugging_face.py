"""Small models of transformers' own classes, with random weights, saved as anyone would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import timm.models
import torch
from timm.models.vision_transformer import _create_vision_transformer
from torch import nn
from transformers import CLIPConfig, CLIPModel, PreTrainedModel, SiglipConfig, SiglipModel

from uwm.backbones.hugging_face.trunks import SIGLIP_TRUNKS

Model = TypeVar("Model", bound=nn.Module)
SMALL_TRUNK = "vit_uwmtest_patch16_siglip"
SHAPE = (64, 2, 2, 128, 16)
"""Width, blocks, heads, MLP width, patch size."""


def clip(activation: str = "quick_gelu", seed: int = 0) -> CLIPModel:
    """Its MLPs are not four times as wide as the towers, and its towers differ in depth."""
    torch.manual_seed(seed)
    text = {
        "hidden_size": 32,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 16,
        "hidden_act": activation,
        "bos_token_id": 49406,
        "eos_token_id": 49407,
    }
    vision = {
        "hidden_size": 48,
        "intermediate_size": 100,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "image_size": 32,
        "patch_size": 8,
        "hidden_act": activation,
    }
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)
    return shaken(CLIPModel(config))


def siglip(seed: int = 0) -> SiglipModel:
    """Of the shape that `small_trunk` makes known."""
    torch.manual_seed(seed)
    width, blocks, heads, mlp, patch = SHAPE
    shape = {"hidden_size": width, "intermediate_size": mlp, "num_attention_heads": heads}
    text = {**shape, "num_hidden_layers": 3, "vocab_size": 99, "max_position_embeddings": 12}
    special = {"bos_token_id": 97, "eos_token_id": 98, "pad_token_id": 1}
    vision = {**shape, "num_hidden_layers": blocks, "image_size": 32, "patch_size": patch}
    return shaken(SiglipModel(SiglipConfig(text_config={**text, **special}, vision_config=vision)))


def shaken(model: Model) -> Model:
    """Every parameter away from its initial 0 or 1, so that none can be mistaken for another."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model.eval()


def save(model: PreTrainedModel, folder: Path) -> Path:
    model.save_pretrained(folder)
    return folder


@contextmanager
def small_trunk() -> Iterator[None]:
    """A trunk as timm's SigLIP ones, small, under a name of timm's registry."""
    name = f"{SMALL_TRUNK}_32"

    def vit_uwmtest_patch16_siglip_32(pretrained: bool = False, **kwargs: Any) -> nn.Module:
        width, blocks, heads, mlp, patch = SHAPE
        shape = {"embed_dim": width, "depth": blocks, "num_heads": heads, "patch_size": patch}
        pooled = {"class_token": False, "global_pool": "map", "mlp_ratio": mlp / width}
        options: dict[str, Any] = {**shape, **pooled, "img_size": 32, **kwargs}
        return _create_vision_transformer("vit_base_patch16_siglip_224", **options)

    vit_uwmtest_patch16_siglip_32.__module__ = "timm.models.vision_transformer"
    if not timm.is_model(name):
        timm.models.register_model(vit_uwmtest_patch16_siglip_32)
    SIGLIP_TRUNKS[SHAPE] = SMALL_TRUNK
    try:
        yield
    finally:
        del SIGLIP_TRUNKS[SHAPE]
