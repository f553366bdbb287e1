"""Small open_clip models of every family with random weights, as folders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import open_clip
import torch
from safetensors.torch import save_file

from uwm.backbones.backbone import Backbone

LoadFresh = Callable[[str], Backbone]
"""Loads a backbone of a family that no other test has touched."""

VISION = {"image_size": 32, "layers": 2, "width": 32, "patch_size": 16, "head_width": 16}
TEXT = {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
MODELS: dict[str, dict[str, Any]] = {
    "clip": {"embed_dim": 24, "vision_cfg": VISION, "text_cfg": TEXT},
    "coca": {
        "embed_dim": 24,
        "vision_cfg": {
            **VISION,
            "attentional_pool": True,
            "attn_pooler_heads": 2,
            "output_tokens": True,
        },
        "text_cfg": {**TEXT, "embed_cls": True, "output_tokens": True},
        "multimodal_cfg": {**TEXT, "attn_pooler_heads": 2},
        "custom_text": True,
    },
    "siglip": {
        "embed_dim": 64,
        "vision_cfg": {
            "image_size": 32,
            "timm_model_name": "test_vit",
            "timm_model_pretrained": False,
            "timm_pool": "avg",
            "timm_proj": "none",
        },
        "text_cfg": {**TEXT, "no_causal_mask": True, "proj_bias": True},
        "custom_text": True,
        "init_logit_bias": -10,
    },
}
"""One small model per family; the texts' tower keeps open_clip's own vocabulary."""


def write_backbone(folder: Path, family: str, seed: int = 0) -> Path:
    """A backbone's folder, as open_clip's `local-dir:` reads it, with random weights."""
    folder.mkdir(parents=True)
    config = MODELS[family]
    name = f"uwm-test-{family}"
    description = folder / f"{name}.json"
    description.write_text(json.dumps(config))
    open_clip.add_model_config(description)
    torch.manual_seed(seed)
    model = open_clip.create_model(name, pretrained=None)
    description.unlink()
    if family == "coca":  # open_clip leaves it as it finds the memory, which may be NaN
        torch.nn.init.normal_(model.text_decoder.text_projection)
    preprocess = {"mean": [0.5] * 3, "std": [0.25] * 3, "interpolation": "bicubic"}
    content = {
        "model_cfg": config,
        "preprocess_cfg": {"size": 32, **preprocess, "resize_mode": "shortest", "fill_color": 0},
    }
    (folder / "open_clip_config.json").write_text(json.dumps(content))
    save_file(
        {name: value.contiguous() for name, value in model.state_dict().items()},
        folder / "open_clip_model.safetensors",
    )
    return folder
