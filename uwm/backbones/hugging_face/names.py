"""Parameter names of CLIP and SigLIP: open_clip's and Hugging Face's, both ways, nothing lost.

Where one side packs what the other keeps apart (query, key and value), rows are stacked or cut;
no value is computed, so weights come back bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from uwm.backbones.hugging_face.trunks import trunk_depth
from uwm.errors import UnknownBackboneError

Shape = Literal["same", "transposed", "batched", "scalar"]


@dataclass(frozen=True)
class Entry:
    """One or more parameters on either side that hold the same rows in the same order.

    Attributes:
        ours: open_clip's names, with how many equal parts of the rows each holds.
        theirs: Hugging Face's.
        shape: what else differs: open_clip's is `transposed`, has a leading axis of length 1
            (`batched`), or is a `scalar` where Hugging Face's may have length 1.
    """

    ours: tuple[tuple[str, int], ...]
    theirs: tuple[tuple[str, int], ...]
    shape: Shape = "same"


def to_open_clip(
    weights: Mapping[str, Tensor], model_config: Mapping[str, Any]
) -> dict[str, Tensor]:
    """open_clip's state dict of a Hugging Face one, for the network of `model_config`.

    Raises:
        UnknownBackboneError: parameters are missing, or there are others than such a model has.
    """
    # Position numbers were stored as weights by older versions; they are counted, not learnt.
    left = {name for name in weights if not name.endswith(".position_ids")}
    found: dict[str, Tensor] = {}
    for entry in entries(model_config):
        names = [name for name, _ in entry.theirs]
        if missing := [name for name in names if name not in weights]:
            raise UnknownBackboneError(f"the weights lack {missing[0]}")
        left -= set(names)
        rows = torch.cat([weights[name] for name in names]) if len(names) > 1 else weights[names[0]]
        found |= _cut(_ours(rows, entry.shape), entry.ours)
    if left:
        raise UnknownBackboneError(
            f"the weights hold {len(left)} parameters that such a model has not, first {min(left)}"
        )
    return found


def to_hugging_face(
    weights: Mapping[str, Tensor], model_config: Mapping[str, Any]
) -> dict[str, Tensor]:
    """Inverse of `to_open_clip`."""
    found: dict[str, Tensor] = {}
    for entry in entries(model_config):
        names = [name for name, _ in entry.ours]
        rows = torch.cat([weights[name] for name in names]) if len(names) > 1 else weights[names[0]]
        if entry.shape == "transposed":
            rows = rows.T
        elif entry.shape == "batched":
            rows = rows[0]
        elif entry.shape == "scalar" and _is_siglip(model_config):
            rows = rows.reshape(1)
        found |= _cut(rows, entry.theirs)
    return found


def entries(model_config: Mapping[str, Any]) -> Iterator[Entry]:
    """Every parameter of a CLIP or SigLIP model by both its names."""
    text = "text." if model_config.get("custom_text") else ""
    if _is_siglip(model_config):
        depth = trunk_depth(model_config["vision_cfg"]["timm_model_name"])
        yield from _siglip_image()
        yield Entry((("logit_bias", 1),), (("logit_bias", 1),), "scalar")
        yield from _layer(f"{text}text_projection", "text_model.head")
        blocks = [_siglip_block(index) for index in range(depth)]
    else:
        yield from _clip_image()
        yield _one(f"{text}text_projection", "text_projection.weight", "transposed")
        image = range(model_config["vision_cfg"].get("layers", 12))
        blocks = [
            _native_block(f"visual.transformer.resblocks.{i}", f"vision_model.encoder.layers.{i}")
            for i in image
        ]
    for block in blocks:
        yield from block
    for index in range(model_config["text_cfg"].get("layers", 12)):
        ours, theirs = f"{text}transformer.resblocks.{index}", f"text_model.encoder.layers.{index}"
        yield from _native_block(ours, theirs)
    yield _one(f"{text}token_embedding.weight", "text_model.embeddings.token_embedding.weight")
    yield _one(f"{text}positional_embedding", "text_model.embeddings.position_embedding.weight")
    yield from _layer(f"{text}ln_final", "text_model.final_layer_norm")
    yield Entry((("logit_scale", 1),), (("logit_scale", 1),), "scalar")


def _clip_image() -> Iterator[Entry]:
    theirs = "vision_model.embeddings"
    yield _one("visual.class_embedding", f"{theirs}.class_embedding")
    yield _one("visual.conv1.weight", f"{theirs}.patch_embedding.weight")
    yield _one("visual.positional_embedding", f"{theirs}.position_embedding.weight")
    yield from _layer("visual.ln_pre", "vision_model.pre_layrnorm")  # their spelling
    yield from _layer("visual.ln_post", "vision_model.post_layernorm")
    yield _one("visual.proj", "visual_projection.weight", "transposed")


def _native_block(ours: str, theirs: str) -> Iterator[Entry]:
    for kind in ("weight", "bias"):
        yield Entry(((f"{ours}.attn.in_proj_{kind}", 3),), _thirds(theirs, kind))
    yield from _layer(f"{ours}.attn.out_proj", f"{theirs}.self_attn.out_proj")
    yield from _layer(f"{ours}.ln_1", f"{theirs}.layer_norm1")
    yield from _layer(f"{ours}.ln_2", f"{theirs}.layer_norm2")
    yield from _layer(f"{ours}.mlp.c_fc", f"{theirs}.mlp.fc1")
    yield from _layer(f"{ours}.mlp.c_proj", f"{theirs}.mlp.fc2")


def _siglip_image() -> Iterator[Entry]:
    ours, theirs = "visual.trunk", "vision_model"
    yield from _layer(f"{ours}.patch_embed.proj", f"{theirs}.embeddings.patch_embedding")
    positions = f"{theirs}.embeddings.position_embedding.weight"
    yield _one(f"{ours}.pos_embed", positions, "batched")
    yield from _layer(f"{ours}.norm", f"{theirs}.post_layernorm")
    # The head: one learnt query attends to all patches.
    ours, theirs = f"{ours}.attn_pool", f"{theirs}.head"
    yield _one(f"{ours}.latent", f"{theirs}.probe")
    for kind in ("weight", "bias"):
        packed = f"{theirs}.attention.in_proj_{kind}"
        yield Entry(((f"{ours}.q.{kind}", 1), (f"{ours}.kv.{kind}", 2)), ((packed, 3),))
    yield from _layer(f"{ours}.proj", f"{theirs}.attention.out_proj")
    yield from _layer(f"{ours}.norm", f"{theirs}.layernorm")
    yield from _layer(f"{ours}.mlp.fc1", f"{theirs}.mlp.fc1")
    yield from _layer(f"{ours}.mlp.fc2", f"{theirs}.mlp.fc2")


def _siglip_block(index: int) -> Iterator[Entry]:
    ours, theirs = f"visual.trunk.blocks.{index}", f"vision_model.encoder.layers.{index}"
    for kind in ("weight", "bias"):
        yield Entry(((f"{ours}.attn.qkv.{kind}", 3),), _thirds(theirs, kind))
    yield from _layer(f"{ours}.attn.proj", f"{theirs}.self_attn.out_proj")
    yield from _layer(f"{ours}.norm1", f"{theirs}.layer_norm1")
    yield from _layer(f"{ours}.norm2", f"{theirs}.layer_norm2")
    yield from _layer(f"{ours}.mlp.fc1", f"{theirs}.mlp.fc1")
    yield from _layer(f"{ours}.mlp.fc2", f"{theirs}.mlp.fc2")


def _thirds(block: str, kind: str) -> tuple[tuple[str, int], ...]:
    return tuple((f"{block}.self_attn.{part}_proj.{kind}", 1) for part in "qkv")


def _layer(ours: str, theirs: str) -> Iterator[Entry]:
    for kind in ("weight", "bias"):
        yield _one(f"{ours}.{kind}", f"{theirs}.{kind}")


def _one(ours: str, theirs: str, shape: Shape = "same") -> Entry:
    return Entry(((ours, 1),), ((theirs, 1),), shape)


def _ours(rows: Tensor, shape: Shape) -> Tensor:
    match shape:
        case "transposed":
            return rows.T
        case "batched":
            return rows[None]
        case "scalar":
            return rows.reshape(())
        case "same":
            return rows


def _cut(rows: Tensor, names: tuple[tuple[str, int], ...]) -> dict[str, Tensor]:
    if len(names) == 1:
        return {names[0][0]: rows.contiguous()}
    unit, rest = divmod(len(rows), sum(parts for _, parts in names))
    if rest:
        raise UnknownBackboneError(
            f"{names[0][0]} and its like share {len(rows)} rows, which do not divide evenly"
        )
    cut = torch.split(rows, [parts * unit for _, parts in names])
    return {name: part.contiguous() for (name, _), part in zip(names, cut, strict=True)}


def _is_siglip(model_config: Mapping[str, Any]) -> bool:
    return "timm_model_name" in model_config["vision_cfg"]
