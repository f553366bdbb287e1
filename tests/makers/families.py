"""One small instance of every family, with random weights: real classes, shrunken."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import open_clip
import timm
import torch
from open_clip.hf_model import HFTextEncoder
from torch import Tensor, nn

from uwm.backbones.architecture import build

VIT = {"embed_dim": 32, "depth": 2, "num_heads": 2}
STAGES = {"embed_dims": (16, 16, 32, 32), "layers": (1, 1, 1, 1), "mlp_ratios": (2, 2, 2, 2)}

TRUNKS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "timm ViT": ("vit_base_patch16_siglip_224", 32, {**VIT, "img_size": 32}),
    "timm ViT: PE": ("vit_pe_core_base_patch16_224", 32, {**VIT, "img_size": 32}),
    "timm ViT: MobileCLIP-B": ("vit_base_mci_224", 64, {"depth": 2, "img_size": 64}),
    "timm ViT: relative": ("vit_relpos_medium_patch16_cls_224", 32, {**VIT, "img_size": 32}),
    "timm ViT: gap": ("vit_medium_patch16_gap_256", 32, {**VIT, "img_size": 32}),
    "timm ViT: EVA01-g": ("eva_giant_patch14_224", 28, {**VIT, "img_size": 28}),
    "timm ViT: EVA02-E": ("eva02_enormous_patch14_clip_224", 28, {**VIT, "img_size": 28}),
    "EVA-02": ("eva02_base_patch16_clip_224", 32, {**VIT, "img_size": 32}),
    "ViTamin": ("vitamin_small_224", 64, {"depth": 2, "img_size": 64}),
    "FastViT": ("fastvit_mci0", 64, STAGES),
    "ConvNeXt": ("convnext_base", 64, {"depths": (1, 1, 2, 1), "dims": (8, 16, 16, 32)}),
    "Swin": (
        "swin_base_patch4_window7_224",
        56,
        {"img_size": 56, "embed_dim": 16, "depths": (2, 2), "num_heads": (2, 2)},
    ),
}
"""Per case: timm's model, its picture size, what shrinks it."""

TEXTS: dict[str, dict[str, Any]] = {
    "BERT": {
        "model_type": "roberta",
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "vocab_size": 100,
        "max_position_embeddings": 24,
        "pad_token_id": 1,
    },
    "T5": {
        "model_type": "mt5",
        "d_model": 32,
        "d_kv": 16,
        "d_ff": 64,
        "num_layers": 2,
        "num_heads": 2,
        "vocab_size": 100,
        "pad_token_id": 0,
    },
    "M2M-100": {
        "model_type": "m2m_100",
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 1,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        "vocab_size": 100,
        "max_position_embeddings": 24,
        "pad_token_id": 1,
    },
}
"""Hugging Face configurations of the text towers that open_clip borrows."""


class ImageTower(nn.Module):
    """Holds a trunk where open_clip holds it."""

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        self.visual = nn.Module()
        self.visual.trunk = trunk

    def forward(self, pixels: Tensor) -> Tensor:
        embeddings: Tensor = self.visual.get_submodule("trunk")(pixels)
        return embeddings


class TextTower(nn.Module):
    """Holds a Hugging Face text tower where open_clip holds it."""

    def __init__(self, text: HFTextEncoder) -> None:
        super().__init__()
        self.text = text

    def forward(self, ids: Tensor) -> Tensor:
        embeddings: Tensor = self.text(ids)
        return embeddings


def image_tower(case: str) -> tuple[nn.Module, Tensor]:
    """A tower of a case of `TRUNKS` and three pictures for it."""
    name, size, options = TRUNKS[case]
    torch.manual_seed(0)
    trunk = timm.create_model(name, num_classes=12, **options)
    return shaken(ImageTower(trunk)), torch.randn(3, 3, size, size)


def text_tower(case: str, folder: Path) -> tuple[nn.Module, Tensor]:
    """A tower of a case of `TEXTS` and three padded texts for it."""
    config = TEXTS[case]
    (folder / "config.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    tower = HFTextEncoder(
        str(folder), output_dim=12, pooler_type="mean_pooler", proj_type="linear", pretrained=False
    )
    ids = torch.randint(3, 100, (3, 9))
    ids[0, 5:] = ids[1, 8:] = config["pad_token_id"]
    return shaken(TextTower(tower)), ids


def shaken(model: nn.Module) -> nn.Module:
    """Biases and scales that are not 0 or 1, so that leaving one out is seen."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.eval().requires_grad_(False)


def any_tower(case: str, folder: Path) -> tuple[nn.Module, Tensor]:
    return image_tower(case) if case in TRUNKS else text_tower(case, folder)


CASES: dict[str, Callable[[Path], tuple[nn.Module, Tensor]]] = {
    case: partial(any_tower, case) for case in (*TRUNKS, *TEXTS)
}
"""Per case, a function that makes the tower and its inputs."""


PUBLISHED: dict[str, dict[str, Any]] = {
    "roberta-base": {"model_type": "roberta"},
    "xlm-roberta-base": {"model_type": "xlm-roberta"},
    "xlm-roberta-large": {
        "model_type": "xlm-roberta",
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
    },
    "google/mt5-base": {
        "model_type": "mt5",
        "d_model": 768,
        "d_kv": 64,
        "d_ff": 2048,
        "num_layers": 12,
        "num_heads": 12,
    },
    "google/mt5-xl": {
        "model_type": "mt5",
        "d_model": 2048,
        "d_kv": 64,
        "d_ff": 5120,
        "num_layers": 24,
        "num_heads": 32,
    },
    "facebook/nllb-200-distilled-600M": {
        "model_type": "m2m_100",
        "d_model": 1024,
        "encoder_layers": 12,
        "encoder_ffn_dim": 4096,
    },
    "facebook/nllb-200-distilled-1.3B": {
        "model_type": "m2m_100",
        "d_model": 1024,
        "encoder_layers": 24,
        "encoder_ffn_dim": 8192,
    },
}
"""Sizes of the Hugging Face towers that open_clip's configurations name (the rest: defaults)."""


def builtin_on_meta(name: str, folder: Path) -> nn.Module:
    """A built-in model without memory for its weights, and without a hub for its text tower."""
    config = open_clip.get_model_config(name)
    if borrowed := config["text_cfg"].get("hf_model_name"):
        (folder / "config.json").write_text(json.dumps(PUBLISHED[borrowed]))
        config["text_cfg"]["hf_model_name"] = str(folder)
    with torch.device("meta"):
        return build(config)
