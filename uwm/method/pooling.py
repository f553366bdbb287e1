"""Which tokens of a tower become its embedding, and a layer at those tokens.

Towers pool differently: CLIP's texts at their end-of-text token, CoCa's at a class token behind the
padding, SigLIP's at the last token, Hugging Face towers at the first or over the mean of the real
ones; pictures at a class token, over a mean, or by attention. One row of weights per sample says it
for all of them: one token, or a mean. An attention pool reads every token, so it counts as a mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from open_clip.hf_model import HFTextEncoder
from torch import Tensor, nn

from uwm.backbones.backbone import Backbone
from uwm.errors import UnsupportedFamilyError
from uwm.families import Tower
from uwm.layers import Layer, find_layers, pick_blocks
from uwm.method.moments import Pooled
from uwm.method.observe import as_tokens, observing

_POSITIONS = {"tok": 0, "token": 0, "first": 0, "last": -1}


def redirected_layer(model: nn.Module, tower: Tower, block: Literal["last"] | int) -> Layer:
    """The fc2 of a tower's last block, or of one by number from 0.

    Raises:
        UnknownBlockError: the tower has no such block.
        UnknownRoleError: its blocks have no fc2.
    """
    layers = find_layers(model, tower, ["fc2"])
    return layers[-1] if block == "last" else pick_blocks(layers, (block,))[0]


def pool_weights(model: nn.Module, tower: Tower, inputs: Tensor, tokens: int) -> Tensor:
    """How much each token behind the last block counts in the embedding: (samples, tokens).

    Args:
        inputs: what the tower reads, see `Backbone.forward`.
        tokens: how many the last block gives.

    Returns:
        Float64 rows that sum to 1.

    Raises:
        UnsupportedFamilyError: the tower pools in a way that is not known here.
    """
    if tower == "image":
        return _of_pictures(model.get_submodule("visual"), len(inputs), tokens, inputs.device)
    text: Any = getattr(model, "text", model)
    if isinstance(text, HFTextEncoder):
        kind = type(text.pooler).__name__
        if kind == "MeanPooler":
            real = torch.ne(inputs, text.config.pad_token_id).double()
            return real / real.sum(1, keepdim=True)
        if kind in ("ClsPooler", "ClsLastHiddenStatePooler"):
            return _one(torch.full((len(inputs),), text.pooler.cls_token_position), tokens, inputs)
        raise _unknown(tower, kind)
    if getattr(text, "cls_emb", None) is not None:
        return _one(torch.full((len(inputs),), tokens - 1), tokens, inputs)
    pool = getattr(text, "pool_type", None) or getattr(text, "text_pool_type", None)
    if pool == "argmax":
        return _one(inputs.argmax(-1), tokens, inputs)
    if pool == "eos":
        end: int = getattr(text, "eos_id", None) or text.text_eos_id
        return _one(torch.eq(inputs, end).int().argmax(-1), tokens, inputs)
    if pool in _POSITIONS:
        return _one(torch.full((len(inputs),), _POSITIONS[pool] % tokens), tokens, inputs)
    raise _unknown(tower, pool)


def pooled(
    backbone: Backbone, tower: Tower, layer: Layer, inputs: Tensor, batch_size: int | None = None
) -> Pooled:
    """What a layer reads, and the residual stream behind its block, at the pooled token.

    Over several tokens means are taken of both, which a linear layer maps onto each other, too.

    Args:
        batch_size: samples per forward pass, all at once by default.

    Returns:
        In the precision of the pass, at least float32.

    Raises:
        UnsupportedFamilyError: the tower's pooling is not known.
    """
    found = []
    for batch in torch.split(inputs, batch_size or len(inputs)):
        reads, stream = _tokens(backbone, tower, layer, batch)
        weights = pool_weights(backbone.model, tower, batch, stream.shape[1]).to(stream.device)
        dtype = torch.promote_types(stream.dtype, torch.float32)
        means = [(weights.unsqueeze(1) @ part.double()).squeeze(1) for part in (reads, stream)]
        found.append([part.to(dtype) for part in means])
    reads, stream = (torch.cat(parts) for parts in zip(*found, strict=True))
    return Pooled(reads, stream)


def _of_pictures(visual: nn.Module, samples: int, tokens: int, device: torch.device) -> Tensor:
    trunk = getattr(visual, "trunk", None)
    first = 0
    if trunk is not None:
        pool = getattr(trunk, "global_pool", None)
        if pool == "avg":
            first = int(getattr(trunk, "num_prefix_tokens", 0))
    elif getattr(visual, "attn_pool", None) is not None:
        pool = "map"
    else:
        pool = getattr(visual, "pool_type", None)
        first = int(pool == "avg")
    weights = torch.zeros(samples, tokens, dtype=torch.float64, device=device)
    if pool in _POSITIONS:
        weights[:, _POSITIONS[pool]] = 1
    elif pool in ("avg", "map", ""):  # "": open_clip's own pool stands behind the trunk
        weights[:, first:] = 1 / (tokens - first)
    else:
        raise _unknown("image", pool)
    return weights


def _one(positions: Tensor, tokens: int, inputs: Tensor) -> Tensor:
    """All of the weight on one token of each sample."""
    weights = torch.zeros(len(positions), tokens, dtype=torch.float64, device=inputs.device)
    return weights.scatter_(1, positions.to(inputs.device).unsqueeze(1), 1.0)


def _unknown(tower: Tower, pool: object) -> UnsupportedFamilyError:
    return UnsupportedFamilyError(
        f"the {tower} tower pools its tokens by {pool!r}, which is not known here; leave this "
        "tower out of the redirection"
    )


def _tokens(backbone: Backbone, tower: Tower, layer: Layer, batch: Tensor) -> tuple[Tensor, Tensor]:
    """What the layer reads, and its block's output, token by token."""
    seen: dict[str, Tensor] = {}

    def observer(_: Layer, activation: Tensor) -> None:
        seen["reads"] = as_tokens(activation, len(batch), layer)

    def after(module: nn.Module, inputs: object, output: Any) -> None:
        seen["stream"] = output if isinstance(output, Tensor) else output[0]

    handle = backbone.model.get_submodule(layer.block).register_forward_hook(after)
    try:
        with observing(backbone.model, [layer], observer):
            backbone.forward(tower, batch)
    finally:
        handle.remove()
    reads, stream = seen["reads"], seen["stream"]
    if stream.shape[:2] != reads.shape[:2]:
        raise UnsupportedFamilyError(
            f"a block's output is (samples, tokens, width); {layer.block} gives "
            f"{tuple(stream.shape)}, so its layers cannot be redirected"
        )
    return reads, stream


def check_added(backbone: Backbone, tower: Tower, layer: Layer, sample: Tensor) -> None:
    """Add something to the layer's output for one sample, and see it arrive behind the block.

    Raises:
        UnsupportedFamilyError: it does not arrive as it is, because of a layer scale or a norm.
    """
    _, before = _tokens(backbone, tower, layer, sample)
    shift = torch.linspace(-1, 1, before.shape[-1], device=before.device, dtype=before.dtype)
    with _shifted(backbone.model.get_submodule(layer.reads), shift):
        _, after = _tokens(backbone, tower, layer, sample)
    tolerance = 1e-4 * float(before.abs().max() + 1)
    if not torch.allclose(after - before, shift.expand_as(before), rtol=0, atol=tolerance):
        raise UnsupportedFamilyError(
            f"the output of {layer.id} is not added to the residual stream as it is (there is a "
            "scale or a norm behind it), so no change of it can lead there; choose another tower"
        )


@contextmanager
def _shifted(module: nn.Module, shift: Tensor) -> Iterator[None]:
    handle = module.register_forward_hook(lambda _, __, output: output + shift)
    try:
        yield
    finally:
        handle.remove()
