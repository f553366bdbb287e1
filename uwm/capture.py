"""Activation statistics of one tower over a batch of inputs: forward pass, observed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from uwm.backbone import Backbone
from uwm.layers import Layer, Tower
from uwm.observe import observing
from uwm.statistics import Activations, TokenMoments, token_moments


def capture(
    backbone: Backbone, tower: Tower, layers: Sequence[Layer], inputs: Tensor
) -> dict[str, Activations]:
    """Norm and std over real tokens of what each of `layers` reads.

    Args:
        inputs: pixels or token ids of a batch, see `Backbone.forward`.

    Returns:
        Per name of an input (`Layer.input`), float32 (samples, in) on the backbone's device. The
        std of a sample with one real token is NaN.

    Raises:
        LayerNotObservedError: see `uwm.observe`.
    """
    keep = None
    if tower == "text":
        inputs = inputs.to(backbone.device, non_blocking=True)
        keep = backbone.real_tokens(inputs)
    names = {layer.reads: layer.input for layer in layers}
    moments: dict[str, TokenMoments] = {}

    def observer(path: str, activation: Tensor) -> None:
        name = names[path]
        # Sums stay float32 where the pass around them casts its products.
        with torch.autocast(activation.device.type, enabled=False):
            new = token_moments(activation, keep)
        moments[name] = moments[name].merge(new) if name in moments else new

    with observing(backbone.model, layers, observer):
        backbone.forward(tower, inputs)
    return {name: Activations(found.norm, found.std) for name, found in moments.items()}
