"""Activation statistics of one tower over a chunk of inputs: forward passes, observed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from uwm.backbone import Backbone
from uwm.layers import Layer, Tower
from uwm.observe import as_tokens, observing
from uwm.statistics import Activations, RealTokens, TokenMoments, token_moments


def capture(
    backbone: Backbone,
    tower: Tower,
    layers: Sequence[Layer],
    inputs: Tensor,
    batch_size: int | None = None,
    *,
    peaks: bool = False,
) -> dict[str, Activations]:
    """Norm and std over real tokens of what each of `layers` reads.

    Args:
        inputs: pixels or token ids, see `Backbone.forward`.
        batch_size: samples per forward pass, all at once by default.
        peaks: find the largest magnitude over tokens too.

    Returns:
        Per name of an input (`Layer.input`), float32 (samples, in) on the backbone's device. The
        std of a sample with one real token is NaN.

    Raises:
        LayerNotObservedError: see `uwm.observe`.
    """
    found: list[dict[str, TokenMoments]] = []
    every: dict[tuple[int, ...], RealTokens] = {}
    unpadded: RealTokens | None = None
    batch = inputs

    def observer(layer: Layer, activation: Tensor) -> None:
        x = as_tokens(activation, len(batch), layer)
        if unpadded is None and x.shape[:2] not in every:
            every[x.shape[:2]] = RealTokens.every(x)
        # Sums stay float32 where the pass around them casts its products.
        with torch.autocast(x.device.type, enabled=False):
            new = token_moments(x, unpadded or every[x.shape[:2]], peaks=peaks)
        seen = found[-1].get(layer.input)
        found[-1][layer.input] = seen.merge(new) if seen else new

    with observing(backbone.model, layers, observer):
        for batch in torch.split(inputs, batch_size or len(inputs)):
            if tower == "text":
                batch = batch.to(backbone.device, non_blocking=True)
                unpadded = RealTokens.of(backbone.real_tokens(batch))
            found.append({})
            backbone.forward(tower, batch)
    return {name: _joined([moments[name] for moments in found]) for name in found[0]}


def _joined(batches: Sequence[TokenMoments]) -> Activations:
    """Statistics of all samples, computed once rather than batch by batch."""
    *moments, peaks = zip(*batches, strict=True)
    peak = None if peaks[0] is None else torch.cat(peaks)
    tokens, mean, squares = map(torch.cat, moments)
    joined = TokenMoments(tokens, mean, squares, peak)
    return Activations(joined.norm, joined.std, joined.peak)
