"""Which weights a control edits: as many as another edit does, without looking at its scores.

A random edit of as many weights is a weak control: what is scored highly is often large or strongly
driven, so that changing it does more whatever it is. A control of equal norm or contribution draws
each weight (or node) with its propensity: the probability, by a logistic regression on these sizes,
that the edit takes it (Rosenbaum and Rubin 1983). The equations of the regression say that drawn
weights have the edited ones' number and summed sizes in expectation, and nothing else of them. Of
several draws the one is taken whose sums are nearest. Where few weights are as large as the edited
ones many of these come again, which is what an edit of the largest weights deserves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from uwm.config.methods.requests import Draw
from uwm.errors import InputError, NonFiniteScoreError
from uwm.layers import LayerId
from uwm.method.editing import Edit, LayerEdit, tower_weights
from uwm.method.selection import select_random
from uwm.method.statistics import Activations

_STEPS = 60
_RIDGE = 1e-6
"""Per edited weight: keeps coefficients finite where sizes tell the edited weights from all others,
and is far below what changes a sum otherwise."""
_DRAWS, _DRAWN = 256, 1 << 22
"""Draws that the nearest is taken of: at most so many, and so many weights together."""


class Loudness:
    """How strongly the input nodes of one layer fire: mean squares, fed in any portions."""

    def __init__(self, nodes: int) -> None:
        self._sum = torch.zeros(nodes, dtype=torch.float64)
        self._samples = 0

    def update(self, safe: Activations, unsafe: Activations) -> None:
        """Add samples of both partitions, norms (samples, in) each."""
        for norm in (safe.norm, unsafe.norm):
            self._sum += norm.double().square().sum(0).cpu()
            self._samples += len(norm)

    def result(self) -> Tensor:
        """The mean over samples of squared norms over tokens, float64 (in,).

        Raises:
            NonFiniteScoreError: a norm is NaN or infinite, or there is no sample.
        """
        found = self._sum / self._samples
        if not found.isfinite().all():
            raise NonFiniteScoreError(
                "activations of a control's layer are not finite; check the calibration set and "
                "the backbone's weights"
            )
        return found


def select_control(
    edit: Edit, model: nn.Module, draw: Draw, loudness: Mapping[LayerId, Tensor] | None = None
) -> dict[LayerId, Tensor]:
    """A selection of the same unit and number as `edit`'s, layer by layer.

    Args:
        loudness: of each edited layer's input nodes (in,), as `Loudness` has it; for a draw of
            equal contribution.

    Raises:
        InputError: a draw of equal contribution without `loudness`, or one of a redirection.
    """
    generator = torch.Generator().manual_seed(draw.seed or 0)
    weights = tower_weights(model, edit.tower)
    return {
        id: _selected(
            layer, weights[id], draw, None if loudness is None else loudness.get(id), generator
        )
        for id, layer in sorted(edit.layers.items())
    }


def _selected(
    layer: LayerEdit,
    weight: Tensor,
    draw: Draw,
    loudness: Tensor | None,
    generator: torch.Generator,
) -> Tensor:
    norms, contributions = _sizes(layer, weight, loudness)
    match draw.by:
        case "number":
            return select_random(len(norms), len(layer.indices), generator)
        case "norm":
            return select_alike([norms], layer.indices, generator)
        case "contribution":
            if contributions is None:
                raise InputError("a control of equal contribution is drawn by activations")
            return select_alike([norms, contributions], layer.indices, generator)
        case "largest":
            largest = norms.argsort(descending=True, stable=True)[: len(layer.indices)]
            return largest.sort().values
        case _:
            raise InputError(f"weights are selected by no draw that is called {draw.by}")


def _sizes(
    layer: LayerEdit, weight: Tensor, loudness: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Of each weight (out * in,) or node (in,): its squared norm, and its squared contribution to
    the layer's output, the mean over samples of its share in the squared norm."""
    norms = weight.detach().double().cpu().square()
    contributions = None if loudness is None else norms * loudness
    if layer.unit == "node":
        return norms.sum(0), None if contributions is None else contributions.sum(0)
    return norms.flatten(), None if contributions is None else contributions.flatten()


def select_alike(sizes: Sequence[Tensor], like: Tensor, generator: torch.Generator) -> Tensor:
    """A random selection with the number and, nearly, the summed sizes of another one.

    Args:
        sizes: one or more kinds of size, each (n,) and not negative.
        like: indices of the other selection.

    Returns:
        Sorted indices, int64 (selected,).
    """
    count = len(like)
    logits = _propensities(sizes, like)
    wanted = [size[like].sum().item() for size in sizes]

    def distance(chosen: Tensor) -> float:
        """The largest relative difference of a sum."""
        return max(
            abs(size[chosen].sum().item() - want) / max(want, 1e-300)
            for size, want in zip(sizes, wanted, strict=True)
        )

    return min(_drawn(logits, count, generator), key=distance).sort().values


def _drawn(logits: Tensor, count: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Draws of `count` indices, each included with about the probability of its logit."""
    for _ in range(max(1, min(_DRAWS, _DRAWN // len(logits)))):
        uniform = torch.rand(len(logits), dtype=torch.float64, generator=generator)
        yield (logits + uniform.clamp(1e-300).logit()).topk(count).indices


def _propensities(sizes: Sequence[Tensor], like: Tensor) -> Tensor:
    """The log odds of each index to be in `like`, by a logistic regression on its sizes: (n,).

    Newton's method on the convex loss, a step halved until it descends.
    """
    count, total = len(like), len(sizes[0])
    rows = [torch.ones(total, dtype=torch.float64)]
    for size in sizes:
        deviation = size - size.mean()
        rows.append(deviation / deviation.square().mean().sqrt().clamp(1e-30))
    features = torch.stack(rows)
    target = features[:, like].sum(1)
    ridge = _RIDGE * count

    def loss(at: Tensor) -> Tensor:
        return torch.nn.functional.softplus(at @ features).sum() - at @ target + ridge * at @ at / 2

    at = torch.zeros(len(features), dtype=torch.float64)
    at[0] = math.log(count / max(total - count, 0.5))
    now = loss(at)
    for _ in range(_STEPS):
        chance = (at @ features).sigmoid()
        slope = features @ chance - target + ridge * at
        if slope.abs().max() < 1e-6 * count:
            break
        curve = (features * (chance * (1 - chance))) @ features.T
        curve += max(ridge, 1e-12) * torch.eye(len(at), dtype=torch.float64)
        step = torch.linalg.solve(curve, slope)
        while (then := loss(at - step)) > now and step.abs().max() > 1e-12:
            step = step / 2
        at, now = at - step, then
    return at @ features
