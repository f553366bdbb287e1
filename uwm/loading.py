"""Loading: from what a configuration names to a backbone that can encode."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.tokenizer import SimpleTokenizer

from uwm import demo
from uwm.backbone import Backbone
from uwm.catalog import model_config
from uwm.config import BackboneConfig, DemoBackbone, FolderBackbone, OpenClipBackbone
from uwm.errors import InputError, UnknownBackboneError, UnsupportedFamilyError
from uwm.geometry import Geometry, Normalization


@lru_cache(maxsize=4)
def load(config: BackboneConfig, device: str = "cpu") -> Backbone:
    """The backbone that `config` names; the last few loaded stay in memory.

    Weights are read with open_clip's `weights_only` loading or as safetensors, never unpickled.

    Raises:
        UnknownBackboneError: no such model, tag, file or folder, or one open_clip cannot read.
        UnsupportedFamilyError: its tokenizer is not open_clip's BPE.
    """
    found = model_config(config)
    match config:
        case DemoBackbone():
            return _load_folder(demo.BACKBONES[config.name], found, device)
        case FolderBackbone():
            return _load_folder(config.folder, found, device)
        case OpenClipBackbone():
            return _load(config.model, config.pretrained, found, {}, device)


def _load_folder(folder: Path, found: dict[str, Any], device: str) -> Backbone:
    return _load(f"local-dir:{folder}", None, found, _merges(folder, found), device)


def _load(
    name: str,
    pretrained: str | None,
    found: dict[str, Any],
    tokenizer_options: dict[str, str],
    device: str,
) -> Backbone:
    try:
        model = open_clip.create_model(
            name, pretrained=pretrained, device=device, precision="fp32", require_pretrained=True
        )
        tokenizer = open_clip.get_tokenizer(name, **tokenizer_options)
    except Exception as error:  # open_clip raises many kinds; all mean that it cannot be loaded
        raise UnknownBackboneError(
            f"open_clip cannot load {name}{f' with {pretrained}' if pretrained else ''}: "
            f"{type(error).__name__}: {error}"
        ) from error
    _check_tokenizer(name, tokenizer)
    preprocess: dict[str, Any] = model.visual.preprocess_cfg
    size = preprocess["size"]
    height, width = (size, size) if isinstance(size, int) else size
    return Backbone(
        model=model.eval().requires_grad_(False),
        tokenizer=tokenizer,
        model_config=found,
        geometry=Geometry(
            height=height,
            width=width,
            interpolation=preprocess["interpolation"],
            resize_mode=preprocess["resize_mode"],
            fill_color=preprocess["fill_color"],
        ),
        normalization=Normalization(mean=preprocess["mean"], std=preprocess["std"]),
    )


def _check_tokenizer(name: str, tokenizer: object) -> None:
    if type(tokenizer) is not SimpleTokenizer:
        raise UnsupportedFamilyError(
            f"{name} tokenizes with {type(tokenizer).__name__}, whose padding is not known here; "
            "choose a backbone with open_clip's own BPE tokenizer"
        )


def _merges(folder: Path, found: dict[str, Any]) -> dict[str, str]:
    """A merges file named relative to a backbone's folder lies in that folder."""
    merges = found["text_cfg"].get("tokenizer_kwargs", {}).get("bpe_path")
    if merges is None:
        return {}
    path = (folder / merges).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise UnknownBackboneError(
            f"the tokenizer's merges file must lie in the backbone's folder {folder}; "
            f"its configuration names {merges}"
        )
    return {"bpe_path": str(path)}


def resolve_device(device: str) -> str:
    """`auto` to the best device at hand.

    Raises:
        InputError: a GPU was asked for and torch sees none.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(
            "device cuda was asked for and torch sees no GPU; use device: auto, or check the "
            "driver with `uwm doctor`"
        )
    return device
