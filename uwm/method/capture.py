"""Activation statistics of one tower over a chunk of inputs: forward passes, observed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from uwm.backbones.backbone import Backbone
from uwm.families import Tower
from uwm.layers import Layer
from uwm.method.observe import as_tokens, observing
from uwm.method.statistics import Activations, RealTokens, TokenMoments, token_moments


def capture(
    backbone: Backbone,
    tower: Tower,
    layers: Sequence[Layer],
    inputs: Tensor,
    batch_size: int | None = None,
) -> dict[str, Activations]:
    """Norm and std over real tokens of what each of `layers` reads.

    Args:
        inputs: pixels or token ids, see `Backbone.forward`.
        batch_size: samples per forward pass, all at once by default.

    Returns:
        Per name of an input (`Layer.input`), float32 (samples, in) on the backbone's device. The
        std of a sample with one real token is NaN.

    Raises:
        LayerNotObservedError: see `uwm.method.observe`.
    """
    size = batch_size or len(inputs)
    real: list[RealTokens] | None = None
    if tower == "text":
        # Of all texts at once: how far sums go must not depend on the batch.
        real = RealTokens.of(backbone.real_tokens(inputs), backbone.device).split(size)
    every: dict[int, list[RealTokens]] = {}  # by the number of tokens, in which layers may differ
    found: dict[str, TokenMoments] = {}
    places: dict[str, list[TokenMoments]] = {}  # of each forward pass in `found`
    seen: set[str] = set()  # in this pass
    number, batch = 0, inputs

    def observer(layer: Layer, activation: Tensor) -> None:
        name, x = layer.input, as_tokens(activation, len(batch), layer)
        if name not in found:
            # For all samples at once: small tensors that stay from between the layers of a pass
            # scatter its large ones over the memory, and slow the pass itself.
            found[name] = TokenMoments.empty(len(inputs), x)
            places[name] = found[name].split(size)
        if real is None and x.shape[1] not in every:
            every[x.shape[1]] = RealTokens.every(len(inputs), x).split(size)
        tokens, moments = (real or every[x.shape[1]])[number], places[name][number]
        with backbone.uncast():
            if name in seen:  # the model calls it twice in a pass
                moments.become(moments.merge(token_moments(x, tokens)))
            else:
                token_moments(x, tokens, out=moments)
        seen.add(name)

    with observing(backbone.model, layers, observer):
        for batch in torch.split(inputs, size):
            seen.clear()
            backbone.forward(tower, batch)
            number += 1
    return {name: moments.activations for name, moments in found.items()}
