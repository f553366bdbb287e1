"""A backbone with its tokenizer and the geometry of its pictures; how its folder is written."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import open_clip
import pandas as pd
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from uwm.demo.architectures import MERGES, configuration
from uwm.demo.samples import decode
from uwm.demo.tokenizer import learn_merges, write_merges
from uwm.demo.vocabulary import words

CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"

Tokenize = Callable[[list[str]], Tensor]
"""Texts to token numbers, int64 (N, context length)."""

_BATCH = 250


class DualEncoder(Protocol):
    """What open_clip's CLIP, CustomTextCLIP and CoCa have in common."""

    logit_scale: nn.Parameter
    logit_bias: nn.Parameter | None

    def encode_image(self, image: Tensor, /) -> Tensor:
        """Normalised pictures (N, 3, size, size) to embeddings (N, dim)."""

    def encode_text(self, text: Tensor, /) -> Tensor:
        """Token numbers (N, context length) to embeddings (N, dim)."""

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """As nn.Module."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """As nn.Module."""

    def state_dict(self) -> dict[str, Tensor]:
        """As nn.Module."""

    def train(self, mode: bool = True) -> object:
        """As nn.Module."""


@dataclass(frozen=True)
class Geometry:
    """How a backbone wants its pictures."""

    size: int
    mean: float
    std: float

    def normalised(self, pixels: Tensor) -> Tensor:
        """Uint8 (N, 3, height, width) to float (N, 3, size, size)."""
        x = pixels.float() / 255
        if x.shape[-1] != self.size:
            # antialias selects the same bicubic kernel as Pillow's resize
            x = F.interpolate(x, (self.size, self.size), mode="bicubic", antialias=True).clamp(0, 1)
        return (x - self.mean) / self.std


@dataclass(frozen=True)
class Backbone:
    """A model with everything it takes to embed pictures and texts."""

    model: DualEncoder
    tokenize: Tokenize
    geometry: Geometry
    width: int
    """Length of an embedding."""

    @torch.no_grad()
    def embed_pictures(self, encoded: "pd.Series[bytes]") -> Tensor:
        """Unit-length embeddings of encoded pictures, (N, dim)."""
        batches = torch.split(stacked(encoded), _BATCH)
        parts = [self.model.encode_image(self.geometry.normalised(batch)) for batch in batches]
        return F.normalize(torch.cat(parts).float(), dim=-1)

    @torch.no_grad()
    def embed_texts(self, texts: list[str]) -> Tensor:
        """Unit-length embeddings of texts, (N, dim)."""
        batches = torch.split(self.tokenize(texts), _BATCH)
        parts = [self.model.encode_text(batch) for batch in batches]
        return F.normalize(torch.cat(parts).float(), dim=-1)


def stacked(encoded: "pd.Series[bytes]") -> Tensor:
    """Encoded pictures to uint8 (N, 3, height, width)."""
    pixels = torch.from_numpy(np.stack([decode(picture) for picture in encoded]))
    return pixels.permute(0, 3, 1, 2).contiguous()


def create(name: str, folder: Path) -> Backbone:
    """Write configuration and vocabulary of `name` to `folder`, build the untrained model."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = write_merges(folder / MERGES, learn_merges(words()))
    config = configuration(name, vocabulary)
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
    _widen(model)
    return _with_tokenizer(model, folder)


def _widen(model: DualEncoder) -> None:
    """Start a timm trunk as open_clip starts its own towers.

    timm draws weights with deviation 0.02 and scales each branch by 1e-5: nearly the identity, too
    slow to leave in a few hundred steps.
    """
    for key, weight in model.named_parameters():
        if not key.startswith(("visual.trunk.blocks.", "visual.trunk.attn_pool.")):
            continue
        if key.endswith("gamma"):
            nn.init.ones_(weight)
        elif weight.ndim == 2:
            into_residual = key.startswith("visual.trunk.blocks.") and key.endswith(
                ("proj.weight", "fc2.weight")
            )
            nn.init.normal_(weight, std=(0.25 if into_residual else 1) * weight.shape[1] ** -0.5)


def load(folder: Path) -> Backbone:
    """Load a trained backbone the way anyone would with open_clip."""
    model = open_clip.create_model(f"local-dir:{folder}")
    model.eval()
    return _with_tokenizer(model, folder)


def save(backbone: Backbone, path: Path) -> None:
    """Write the weights in half precision."""
    state = backbone.model.state_dict()
    save_file({key: value.half().contiguous() for key, value in state.items()}, path)


def _with_tokenizer(model: DualEncoder, folder: Path) -> Backbone:
    tokenize = open_clip.get_tokenizer(f"local-dir:{folder}", bpe_path=str(folder / MERGES))
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    wanted = config["preprocess_cfg"]
    geometry = Geometry(wanted["size"], wanted["mean"][0], wanted["std"][0])
    return Backbone(model, tokenize, geometry, config["model_cfg"]["embed_dim"])
