"""Run a tower and hand each layer's input to an observer, leaving the model as it was.

Pre-hooks see the input of most layers. `nn.MultiheadAttention` is the exception: it hands its
output projection's weight straight to a fused function and never calls the module. While a tower is
observed, each such instance in its blocks computes attention in explicit steps that do call it,
whichever layers are asked for: what one layer reads must not depend, not even in its last bit, on
which others are observed beside it. Embeddings agree to 2e-6 and nothing of the patch remains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from uwm.errors import LayerNotObservedError
from uwm.families import Tower
from uwm.layers import Layer, find_layers

Observer = Callable[[Layer, Tensor], None]
"""Called with a layer and the activation that it reads."""


@contextmanager
def observing(model: nn.Module, layers: Sequence[Layer], observer: Observer) -> Iterator[None]:
    """Inside the block, every forward pass hands the input of each of `layers` to `observer`.

    Layers that read the same activation (query, key and value) hand it over once, as the first
    of them.

    Raises:
        LayerNotObservedError: at the end of a block that ran through without a layer's input.
    """
    first = {layer.reads: layer for layer in reversed(layers)}
    seen: set[str] = set()

    def listen(layer: Layer) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def hook(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            seen.add(layer.reads)
            observer(layer, inputs[0])

        return hook

    with ExitStack() as stack:
        for attention in _attentions(model, {layer.id.tower for layer in layers}):
            stack.enter_context(_explicit(attention))
        for path, layer in first.items():
            handle = model.get_submodule(path).register_forward_pre_hook(listen(layer))
            stack.callback(handle.remove)
        yield
    if silent := sorted(set(first) - seen):
        raise LayerNotObservedError(
            f"no activation reached {', '.join(silent)}: the model uses their weights without "
            "calling the module, so they cannot be scored. Leave these roles out."
        )


def _attentions(model: nn.Module, towers: Iterable[Tower]) -> list[nn.MultiheadAttention]:
    """The attention of every block of these towers that hides its output projection."""
    parents = dict.fromkeys(
        layer.reads.rpartition(".")[0] for tower in towers for layer in find_layers(model, tower)
    )
    modules = map(model.get_submodule, parents)
    return [module for module in modules if isinstance(module, nn.MultiheadAttention)]


def as_tokens(activation: Tensor, samples: int, layer: Layer) -> Tensor:
    """An observed input as (samples, tokens, in), whatever its layout.

    Tokens may lie in one row, on a grid, or in the windows of a sample one after the other; the
    input of a convolution has its channels before the grid.
    """
    if layer.convolution:
        activation = activation.flatten(2).transpose(1, 2)
    return activation.reshape(samples, -1, activation.shape[-1])


@contextmanager
def _explicit(attention: nn.MultiheadAttention) -> Iterator[None]:
    """Self-attention of one instance in steps that call `out_proj` as a module."""
    heads, width = attention.num_heads, attention.embed_dim

    def forward(
        query: Tensor,
        key: Tensor,
        value: Tensor,
        need_weights: bool = False,
        attn_mask: Tensor | None = None,
        **unused: object,
    ) -> tuple[Tensor, None]:
        samples, tokens, _ = query.shape
        packed = F.linear(query, attention.in_proj_weight, attention.in_proj_bias)
        q, k, v = packed.view(samples, tokens, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
        if attn_mask is not None and attn_mask.ndim == 3:  # (samples * heads, tokens, tokens)
            attn_mask = attn_mask.view(samples, heads, tokens, tokens)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=attn_mask)
        return attention.out_proj(mixed.transpose(1, 2).reshape(samples, tokens, width)), None

    attention.forward = forward  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        del attention.forward
