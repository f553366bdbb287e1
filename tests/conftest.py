"""Real parts for every test: small open_clip models with random weights, and real pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.testing.utilities import prefect_test_harness
from safetensors.torch import save_file

from uwm.backbones.backbone import Backbone
from uwm.backbones.load import load
from uwm.config import FolderBackbone

pytest_plugins = ["tests.makers.bench", "tests.makers.object_store"]
SILENT: dict[Any, Any] = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
"""Without heartbeats: a flow run ends at a heartbeat's next full second only."""
LoadFresh = Callable[[str], Backbone]

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


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder with a backbone per family."""
    root = tmp_path_factory.mktemp("zoo")
    return {family: write_backbone(root / family, family) for family in MODELS}


@pytest.fixture(scope="session")
def load_fresh(zoo: dict[str, Path]) -> LoadFresh:
    """A backbone of a family that no other test has touched."""

    @cache
    def tokenizer() -> open_clip.SimpleTokenizer:
        return open_clip.SimpleTokenizer(context_length=TEXT["context_length"])

    def fresh(family: str) -> Backbone:
        load.cache_clear()
        backbone = load(FolderBackbone(kind="folder", folder=zoo[family], name=family))
        backbone.tokenizer = tokenizer()
        return backbone

    return fresh


@pytest.fixture(params=list(MODELS))
def backbone(request: pytest.FixtureRequest, load_fresh: LoadFresh) -> Backbone:
    """Each family in turn."""
    return load_fresh(request.param)


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A real Prefect server with a database of its own, once per session."""
    with prefect_test_harness(server_startup_timeout=120), temporary_settings(SILENT):
        yield


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
