"""Gradient baselines: weights that a loss of the safe embeddings is most sensitive to.

UWM's authors compare with two ways of finding weights by back-propagation (arXiv 2503.11742). A
batch of safe inputs runs through the tower that is scored; everything else is held fixed as unit
embeddings of the backbone before any edit. With s the safe embeddings, o_safe and o_unsafe those of
the other tower's partitions, u the same tower's unsafe ones and means over a batch:

    G-Unsafe      mean(1 - cos(s, o_unsafe)) - mean(1 - cos(s, o_safe))
    G-Safe-CLIP   CLIP's contrastive loss between s and o_unsafe + mean(1 - cos(s, u))
    score         mean over batches of |gradient of the batch's loss|

The absolute value is taken per batch, and a contrastive loss compares within its batch: both scores
depend on the batch size and on the order of the samples, unlike those of `uwm.method.scoring`. A
last batch that is short counts by its size, not as much as a whole one, as it does in the authors'
code. Only sums are held: memory does not depend on the number of samples.

No standard deviation over tokens enters, so a text of a single real token takes part like any.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uwm.backbones.backbone import Backbone
from uwm.config import GradientKind
from uwm.errors import NoGradientError, NonFiniteScoreError
from uwm.families import Tower
from uwm.layers import Layer, LayerId
from uwm.partitions import Partition

LOGIT_SCALE = math.exp(4.6052)
"""The authors' constant, 100: CLIP's own upper bound, whatever a backbone was trained with."""


def unsafe_loss(safe: Tensor, other_safe: Tensor, other_unsafe: Tensor) -> Tensor:
    """G-Unsafe's loss of a batch; unit embeddings, each (samples, dim), to a number."""
    return (safe * other_safe - safe * other_unsafe).sum(1).mean()


def safe_clip_loss(safe: Tensor, other_unsafe: Tensor, own_unsafe: Tensor) -> Tensor:
    """G-Safe-CLIP's loss of a batch; unit embeddings, each (samples, dim), to a number."""
    logits = LOGIT_SCALE * safe @ other_unsafe.T
    pairs = torch.arange(len(safe), device=safe.device)
    contrast = (F.cross_entropy(logits, pairs) + F.cross_entropy(logits.T, pairs)) / 2
    return contrast + (1 - (safe * own_unsafe).sum(1)).mean()


LOSSES: Mapping[GradientKind, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "g_unsafe": unsafe_loss,
    "g_safe_clip": safe_clip_loss,
}


def held_fixed(kind: GradientKind, tower: Tower) -> tuple[tuple[Tower, Partition], ...]:
    """Whose embeddings a loss holds fixed when `tower` is scored, in the order it takes them."""
    other: Tower = "text" if tower == "image" else "image"
    if kind == "g_unsafe":
        return (other, "safe"), (other, "unsafe")
    return (other, "unsafe"), (tower, "unsafe")


class GradientScore:
    """Streaming scores of a tower's layers; feed it batches of one size, then ask.

    Args:
        layers: those to score, all of `tower`.
        samples, sums: what another one had come to, to go on from there.

    Attributes:
        samples: how many pairs were fed.
        sums: per layer, float32 (out, in), the sum over batches of samples times |gradient|.
    """

    def __init__(
        self,
        backbone: Backbone,
        tower: Tower,
        layers: Sequence[Layer],
        kind: GradientKind,
        samples: int = 0,
        sums: Mapping[LayerId, Tensor] | None = None,
    ) -> None:
        self._backbone = backbone
        self._tower = tower
        self._layers = layers
        self._loss = LOSSES[kind]
        self.samples = samples
        self.sums = {
            layer.id: (
                torch.zeros_like(layer.weight(backbone.model))
                if sums is None
                else sums[layer.id].to(backbone.device)
            )
            for layer in layers
        }

    def update(self, inputs: Tensor, *fixed: Tensor) -> None:
        """Add one batch: the safe inputs of the tower and `held_fixed`'s embeddings of their pairs.

        The model is left as it was found: no parameter's `grad` or `requires_grad` changes.

        Args:
            inputs: as for `Backbone.forward`.
            fixed: two tensors, float32 (samples, dim), of unit length.
        """
        model, device = self._backbone.model, self._backbone.device
        names = list(dict.fromkeys(layer.parameter for layer in self._layers))
        parameters = [model.get_parameter(name) for name in names]
        with torch.enable_grad(), differentiating(parameters):
            embeddings = self._backbone.differentiable(self._tower, inputs)
            safe = F.normalize(embeddings, dim=-1)
            loss = self._loss(safe, *(values.to(device) for values in fixed))
            reached = loss.requires_grad  # by any of them; the rest are None
            found = torch.autograd.grad(loss, parameters, allow_unused=True) if reached else ()
        gradients = dict(zip(names, found, strict=False))
        for layer in self._layers:
            gradient = gradients.get(layer.parameter)
            if gradient is not None:
                self.sums[layer.id].add_(layer.of(gradient).abs(), alpha=len(inputs))
        self.samples += len(inputs)

    def result(self) -> dict[LayerId, Tensor]:
        """Scores per layer, float32 (out, in): the mean over batches, each weighted by its size.

        Raises:
            NonFiniteScoreError: a gradient is NaN or infinite, or no sample was given.
            NoGradientError: all of a layer's gradients are zero.
        """
        scores = {id: total / self.samples for id, total in self.sums.items()}
        for id, score in scores.items():
            if bad := int((~score.isfinite()).sum()):
                raise NonFiniteScoreError(
                    f"{bad} of {score.numel()} gradients of {id} are not finite; the loss "
                    "overflows or no sample was given. Check the calibration set and the weights."
                )
        if silent := [str(id) for id, score in scores.items() if not score.any()]:
            raise NoGradientError(
                f"the loss does not depend on the weights of {', '.join(silent)}: every gradient "
                "is 0. Check that safe and unsafe differ, or leave these layers out of `roles`."
            )
        return scores


@contextmanager
def differentiating(parameters: Sequence[nn.Parameter]) -> Iterator[None]:
    """Inside the block gradients are computed for `parameters`; after it they are as they were."""
    asked = [parameter.requires_grad for parameter in parameters]
    try:
        for parameter in parameters:
            parameter.requires_grad_(True)
        yield
    finally:
        for parameter, before in zip(parameters, asked, strict=True):
            parameter.requires_grad_(before)
