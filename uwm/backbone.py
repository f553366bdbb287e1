"""A backbone: an open_clip model with its tokenizer, preprocessing and its towers' digests."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import open_clip
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from uwm import demo
from uwm.catalog import model_config
from uwm.config import BackboneConfig, DemoBackbone, FolderBackbone, OpenClipBackbone
from uwm.errors import InputError, UnknownBackboneError
from uwm.geometry import Geometry, Normalization
from uwm.layers import TOWERS, Tower
from uwm.tokens import Tokenizer, check_tokenizer, real_tokens, tokenizer_digest


@dataclass
class Backbone:
    """One contrastive model, ready to encode.

    Attributes:
        model: the open_clip model, float32, in eval mode.
        tokenizer: texts to token ids.
        model_config: open_clip's `model_cfg`.
        geometry: how a picture becomes uint8 pixels.
        normalization: how uint8 pixels become the image tower's input.
        locks: hold a tower's while its weights are edited or its modules patched.
    """

    model: nn.Module
    tokenizer: Tokenizer
    model_config: dict[str, Any]
    geometry: Geometry
    normalization: Normalization
    locks: dict[Tower, threading.Lock] = field(
        default_factory=lambda: {"image": threading.Lock(), "text": threading.Lock()}
    )

    @cached_property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return int(self.model_config["embed_dim"])

    @cached_property
    def tokenizer_digest(self) -> str:
        """SHA-256 of all that decides a text's ids."""
        return tokenizer_digest(self.tokenizer)

    @cached_property
    def _tower_digests(self) -> dict[Tower, str]:
        return {tower: self._digest(tower) for tower in TOWERS}

    def tower_digest(self, tower: Tower) -> str:
        """SHA-256 of all that decides a tower's embeddings: weights, architecture, normalization.

        Content, not name: the same weights under two names share every artifact. Computed once,
        before any edit.
        """
        return self._tower_digests[tower]

    def _digest(self, tower: Tower) -> str:
        part = "vision_cfg" if tower == "image" else "text_cfg"
        architecture = {
            key: value
            for key, value in self.model_config.items()
            if key not in ("vision_cfg", "text_cfg", "multimodal_cfg")
        } | {part: self.model_config[part]}
        if tower == "image":
            architecture["normalization"] = self.normalization.model_dump()
        digest = hashlib.sha256(json.dumps(architecture, sort_keys=True, default=str).encode())
        for name, value in sorted(self.model.state_dict().items()):
            if _tower_of(name) == tower:
                digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
                digest.update(value.cpu().contiguous().view(torch.uint8).numpy().data)
        return digest.hexdigest()

    def staged(self, array: NDArray[Any]) -> Tensor:
        """An input in memory from which a GPU copies while it computes (pinned)."""
        tensor = torch.from_numpy(array)
        return tensor.pin_memory() if self.device.type == "cuda" else tensor

    def tokenize(self, texts: list[str]) -> Tensor:
        """Token ids, int64 (texts, context)."""
        ids: Tensor = self.tokenizer(texts)
        return ids

    def real_tokens(self, ids: Tensor) -> Tensor:
        """Which of the text tower's tokens are real: bool (texts, tokens), see `uwm.tokens`."""
        return real_tokens(ids, self.tokenizer, self.model)

    def forward(self, tower: Tower, inputs: Tensor) -> Tensor:
        """Embeddings as the model gives them, (samples, dim), without gradients.

        Args:
            inputs: for the image tower uint8 pixels (samples, 3, H, W), or float ones that are
                normalised already; for the text tower token ids (samples, context).
        """
        inputs = inputs.to(self.device, non_blocking=True)
        encode = self.model.encode_image if tower == "image" else self.model.encode_text
        if inputs.dtype == torch.uint8:
            inputs = self.normalization(inputs)
        with torch.inference_mode():
            embeddings: Tensor = encode(inputs)  # type: ignore[operator]
        return embeddings

    def encode(self, tower: Tower, inputs: Tensor) -> Tensor:
        """Embeddings of unit length, float32 (samples, dim); `inputs` as for `forward`."""
        return F.normalize(self.forward(tower, inputs).float(), dim=-1)


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
    preprocess: dict[str, Any] = model.visual.preprocess_cfg
    size = preprocess["size"]
    height, width = (size, size) if isinstance(size, int) else size
    return Backbone(
        model=model.eval().requires_grad_(False),
        tokenizer=check_tokenizer(tokenizer, name),
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


def _tower_of(parameter: str) -> Tower | None:
    """The tower that a state-dict entry belongs to; None for the logit scale and CoCa's decoder."""
    if parameter.startswith("visual."):
        return "image"
    if parameter.startswith("text_decoder.") or parameter in ("logit_scale", "logit_bias"):
        return None
    return "text"


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
