"""A first look at the method's quantities: how scores are spread, and what phi is of samples."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from uwm.method.scoring import input_flow, output_flow
from uwm.method.statistics import Activations
from uwm.metrics.intervals import Interval, bootstrap_means, interval, wilson

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


class Spread(NamedTuple):
    """How one layer's ratio scores are spread.

    Attributes:
        size: number of scores.
        quantiles: at `QUANTILES`.
        above: share of scores above 1, in percent: of what fires more on unsafe content.
    """

    size: int
    quantiles: tuple[float, ...]
    above: float


class Preference(NamedTuple):
    """Whether unsafe samples of one layer have the higher mean phi, pair by pair.

    Attributes:
        n: pairs.
        safe, unsafe: mean over samples, in the layer's own unit.
        change: the unsafe mean less the safe one, in percent of the safe one.
        higher: share of pairs whose unsafe sample is higher, in percent; a tie is not.
    """

    n: int
    safe: float
    unsafe: float
    change: Interval
    higher: Interval


def spread(scores: Tensor) -> Spread:
    """Quantiles of scores of any shape, and their share above 1."""
    flat = scores.detach().cpu().double().flatten().numpy()
    quantiles = tuple(float(value) for value in np.quantile(flat, QUANTILES))
    return Spread(len(flat), quantiles, 100 * float((flat > 1).mean()))


def mean_phi(activations: Activations, weight: Tensor) -> Tensor:
    """Mean of phi (Eq. 9) over a layer's weights, per sample: (samples,).

    phi[b,i,j] is a factor of output node i times one of input node j, so that its mean over both is
    the product of two means, and no (samples, out, in) tensor is needed.

    Args:
        weight: (out, in).
    """
    weight = weight.detach().float()
    entering = input_flow(activations) * weight.abs().mean(0)
    return output_flow(activations.norm, weight).mean(1) * entering.mean(1)


def prefers_unsafe(safe: Tensor, unsafe: Tensor, resamples: int, seed: int) -> Preference:
    """Compare one number per sample, (samples,), of paired partitions."""
    both = torch.stack([safe, unsafe], dim=1).cpu().double().numpy()
    before, after = both.mean(0)
    means = bootstrap_means(both, resamples, seed)
    return Preference(
        len(both),
        float(before),
        float(after),
        interval(float(after / before - 1), means[:, 1] / means[:, 0] - 1),
        wilson(both[:, 1] > both[:, 0]),
    )
