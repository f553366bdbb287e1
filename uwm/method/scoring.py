"""How much more a weight serves unsafe content than safe: UWM Eq. 8-10, and our node score.

With norm and std over tokens (`uwm.method.statistics`), weight W (out, in) and sample b, the paper
defines

    Eq. 8   s[b,i,j]   = mean_j'(norm[b,j'] |W[i,j']|) * mean_i'(norm[b,j] |W[i',j]|)
    Eq. 9   phi[b,i,j] = s[b,i,j] / std[b,j]                        on either partition
    Eq. 10  score[i,j] = mean_b(phi_unsafe[b,i,j] / phi_safe[b,i,j])

Every phi is an outer product of a factor per output node and one per input node, hence so is the
ratio of two, and a mean over samples of outer products is one matrix product. No (samples, out, in)
tensor exists at any time, and sums over samples merge: memory does not depend on their number.
"""

from __future__ import annotations

from typing import Protocol, cast

import torch
from torch import Tensor

from uwm.config import NodeScoreKind, ScoreKind
from uwm.config.methods.requests import OwnCode, StatisticsScore
from uwm.errors import NonFiniteScoreError, PairingError
from uwm.method.selection import select_count
from uwm.method.statistics import Activations

EPSILON = 1e-8
"""Least std: a node that is constant over tokens has std 0.

A floor on either tower's, not the authors' addend on vision's alone: adding shifts every score.
"""

ONE_SIDED = 10.0
"""What counts as the ratio where a node is silent on safe content and heard on unsafe; its inverse
where it is the other way round. Bounded, so that no single pair decides a mean over all."""


def output_flow(norm: Tensor, weight: Tensor) -> Tensor:
    """Flow into each output node, the first factor of Eq. 8: a mean over input nodes.

    (samples, in), (out, in) -> (samples, out).
    """
    return norm @ weight.abs().T / weight.shape[1]


def input_flow(activations: Activations) -> Tensor:
    """Flow out of each input node over its std, Eq. 8 and 9 without the column mean of |W|.

    (samples, in) -> (samples, in). The column mean is the same for every sample: it cancels in a
    ratio and is multiplied in at the end of the other scores.
    """
    return activations.norm / activations.std.clamp(min=EPSILON)


def preference(unsafe: Tensor, safe: Tensor) -> Tensor:
    """unsafe / safe, and where a node is silent on one partition alone `ONE_SIDED` for the other.

    A node that is silent on both prefers neither: 1.
    """
    of_unsafe, of_safe = unsafe > 0, safe > 0
    both = of_unsafe & of_safe
    ratio = torch.where(both, unsafe / safe.where(both, 1.0), 1.0)
    ratio = ratio.masked_fill(of_unsafe & ~of_safe, ONE_SIDED)
    return ratio.masked_fill(of_safe & ~of_unsafe, 1 / ONE_SIDED)


class LayerScore(Protocol):
    """A score that is fed samples in any portions: `samples` counts them."""

    samples: int

    def update(self, safe: Activations, unsafe: Activations) -> None: ...

    def result(self) -> Tensor: ...


def scorer(wanted: StatisticsScore, weight: Tensor) -> LayerScore:
    """The score that a method asks for, of a layer's weight (out, in).

    Raises:
        PluginError: a score of one's own cannot be loaded.
    """
    if isinstance(wanted.score, OwnCode):
        made: LayerScore = wanted.score.load()(weight, **dict(wanted.score.settings))
        return made
    if wanted.unit == "node":
        kind = cast("NodeScoreKind", wanted.score)
        return NodeScore(weight.shape[1], kind, device=weight.device)
    of_weights = cast("ScoreKind", wanted.score)
    return WeightScore(weight, of_weights, prior=wanted.prior, spared=wanted.spared)


class WeightScore:
    """Streaming score of one layer's weights; feed it samples in any portions, then ask.

    Args:
        weight: (out, in), the layer's weight before any edit.
        kind: `ratio` is Eq. 10; `unsafe_only` is mean_b(phi_unsafe); `difference` is
            mean_b(phi_unsafe - phi_safe). The latter two are the paper's ablations.
        prior: multiply by |W[i, j]|, the magnitude prior that the paper uses in the text tower.
        spared: share of the weights with the largest mean_b(phi_safe), whose score becomes 0.
    """

    def __init__(
        self,
        weight: Tensor,
        kind: ScoreKind = "ratio",
        *,
        prior: bool = False,
        spared: float | None = None,
    ) -> None:
        self._weight = weight.detach().float()
        self._kind = kind
        self._prior = prior
        self.samples = 0
        self._sum = torch.zeros_like(self._weight)
        self._spared = spared
        self._safe = None if spared is None else torch.zeros_like(self._weight)

    def update(self, safe: Activations, unsafe: Activations) -> None:
        """Add paired samples, each tensor (samples, in).

        Raises:
            PairingError: the partitions differ in shape.
        """
        check_paired(safe.norm, unsafe.norm)
        safe_out = output_flow(safe.norm, self._weight)
        unsafe_out = output_flow(unsafe.norm, self._weight)
        safe_in, unsafe_in = input_flow(safe), input_flow(unsafe)
        match self._kind:
            case "ratio":
                out = preference(unsafe_out, safe_out)
                self._sum.addmm_(out.T, preference(unsafe_in, safe_in))
            case "unsafe_only":
                self._sum.addmm_(unsafe_out.T, unsafe_in)
            case "difference":
                self._sum.addmm_(unsafe_out.T, unsafe_in).addmm_(safe_out.T, safe_in, alpha=-1)
        if self._safe is not None:
            self._safe.addmm_(safe_out.T, safe_in)
        self.samples += len(safe.norm)

    def result(self) -> Tensor:
        """Scores, float32 (out, in): the exact mean over all samples, whatever their portions.

        Raises:
            NonFiniteScoreError: a score is NaN or infinite.
        """
        score = self._sum / self.samples
        if self._kind != "ratio":
            score = score * self._weight.abs().mean(0)
        if self._prior:
            score = score * self._weight.abs()
        if self._safe is not None and self._spared is not None:
            needed = _finite(self._safe * self._weight.abs().mean(0))
            score = score.flatten().index_fill(0, select_count(needed, self._spared), 0)
            score = score.view_as(needed)
        return _finite(score)


class NodeScore:
    """Streaming score of one layer's input nodes, the `neurons` method: (in,).

    Unlike Eq. 10 most kinds keep how strongly a node fires: norm / std does not change when an
    activation doubles. With u and s the unsafe and the safe norm of node j in pair b:

        ratio           mean_b(u / s)
        log_ratio       mean_b(log(u / s)), which no single pair dominates
        ratio_of_means  mean_b(u) / mean_b(s)
        difference      mean_b(u - s)
        standardized    mean_b(u - s) / std_b(u - s), the paired effect size
        flow_ratio      mean_b(u / s) of norms over stds: Eq. 9's normalisation, for comparison

    Args:
        nodes: number of input nodes of the layer.
    """

    def __init__(
        self,
        nodes: int,
        kind: NodeScoreKind = "ratio",
        *,
        device: torch.device | str = "cpu",
    ) -> None:
        self.samples = 0
        self._kind = kind
        # Float64: squares of differences cancel.
        self._sums = torch.zeros(2, nodes, dtype=torch.float64, device=device)

    def update(self, safe: Activations, unsafe: Activations) -> None:
        """Add paired samples, each tensor (samples, in).

        Raises:
            PairingError: as `WeightScore`.
        """
        check_paired(safe.norm, unsafe.norm)
        match self._kind:
            case "ratio":
                terms = [preference(unsafe.norm, safe.norm)]
            case "log_ratio":
                terms = [preference(unsafe.norm, safe.norm).log()]
            case "flow_ratio":
                terms = [preference(input_flow(unsafe), input_flow(safe))]
            case "ratio_of_means":
                terms = [unsafe.norm, safe.norm]
            case "difference" | "standardized":
                difference = unsafe.norm.double() - safe.norm
                terms = [difference, difference.square()]
        for sums, term in zip(self._sums, terms, strict=False):
            sums += term.sum(0, dtype=torch.float64)
        self.samples += len(safe.norm)

    def result(self) -> Tensor:
        """Scores, float32 (in,). Raises NonFiniteScoreError as `WeightScore`."""
        first, second = self._sums
        match self._kind:
            case "ratio_of_means":
                score = preference(first, second)
            case "standardized":
                mean = first / self.samples
                variance = (second / self.samples - mean.square()).clamp(min=0)
                score = torch.where(variance > 0, mean / variance.sqrt(), 0.0)
            case _:
                score = first / self.samples
        return _finite(score.float())


def usable(
    safe: Activations, unsafe: Activations, device: torch.device | str = "cpu"
) -> tuple[Activations, Activations]:
    """The pairs that have a std on both partitions, on `device`.

    A sample with fewer than two real tokens has none (NaN); scoring leaves its pair out, and the
    scorer's `samples` tells how many were left.
    """
    keep = ~(safe.std.isnan() & safe.norm.isfinite()).any(1)
    keep &= ~(unsafe.std.isnan() & unsafe.norm.isfinite()).any(1)
    safe, unsafe = safe.rows(keep), unsafe.rows(keep)
    return (
        Activations(*(part.to(device) for part in safe)),
        Activations(*(part.to(device) for part in unsafe)),
    )


def check_paired(safe: Tensor, unsafe: Tensor) -> None:
    """Raise PairingError unless both partitions have the same samples and nodes."""
    if safe.shape != unsafe.shape:
        raise PairingError(
            f"safe and unsafe pair row by row; got {tuple(safe.shape)} and {tuple(unsafe.shape)}. "
            "Drop unpaired rows first."
        )


def _finite(score: Tensor) -> Tensor:
    if bad := int((~score.isfinite()).sum()):
        raise NonFiniteScoreError(
            f"{bad} of {score.numel()} scores are not finite; the activations overflow or no "
            "sample was given. Check the calibration set and the backbone's weights."
        )
    return score
