"""Erasure: what tells unsafe embeddings from safe ones is taken out of them, in closed form.

A map behind a tower's final projection, fitted on calibration pairs. Where blanking throws away the
scene with the unsafe thing, these leave everything but one direction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import normalize

from uwm.errors import InputError, PairingError
from uwm.method.blanking import Blanking

_SHRINKAGE = 1e-3
"""Share of the mean variance that is added to every direction's, so that few samples do."""


class Rewriter(Protocol):
    """A fitted map of embeddings."""

    def apply(self, embeddings: Tensor) -> Tensor:
        """Unit embeddings (samples, dim) to as many, float32."""


@dataclass(frozen=True)
class Erasure:
    """An affine map, and unit length again, which gives back a part of what was erased: how long
    an embedding was says something of what was taken from it.

    Attributes:
        matrix, offset: float64 (dim, dim) and (dim,).
    """

    matrix: Tensor
    offset: Tensor

    def apply(self, embeddings: Tensor) -> Tensor:
        """Unit embeddings (samples, dim), erased."""
        erased = embeddings.double() @ self.matrix.T + self.offset
        return normalize(erased, dim=1).to(embeddings.dtype)


def null_space(safe: Tensor, unsafe: Tensor) -> Erasure:
    """Projection onto the null space of the difference of means: (pairs, dim) each."""
    direction = normalize(unsafe.double().mean(0) - safe.double().mean(0), dim=0)
    matrix = torch.eye(len(direction)).to(direction) - torch.outer(direction, direction)
    return Erasure(matrix, torch.zeros_like(direction))


def leace(safe: Tensor, unsafe: Tensor) -> Erasure:
    """Least-squares concept erasure (Belrose et al. 2023, arXiv 2306.03819): (pairs, dim) each.

    Of all affine maps after which no linear probe does better than chance on these pairs, the one
    that moves embeddings least. With x of covariance S and s its covariance with the label it is
    x - s (s' S^-1 (x - mean)) / (s' S^-1 s).
    """
    both = torch.cat([safe, unsafe]).double()
    mean = both.mean(0)
    centred = both - mean
    covariance = centred.T @ centred / len(both)
    spread = covariance.diagonal().mean().clamp(1e-12) * _SHRINKAGE
    covariance += spread * torch.eye(len(mean)).to(mean)
    # The covariance with the label is a multiple of this, and its length cancels.
    towards = unsafe.double().mean(0) - safe.double().mean(0)
    read = torch.linalg.solve(covariance, towards)
    read /= towards @ read
    return Erasure(
        torch.eye(len(mean)).to(mean) - torch.outer(towards, read), towards * (read @ mean)
    )


_FITS: Mapping[str, Callable[[Tensor, Tensor], Rewriter]] = {
    "blanking": Blanking.fit,
    "null_space": null_space,
    "leace": leace,
}


def fitted(by: str, safe: Tensor, unsafe: Tensor, swapped: int | None = None) -> Rewriter:
    """The map of this name, fitted on unit embeddings of pairs, (pairs, dim) each.

    Args:
        swapped: the seed of a control: in a random half of the pairs safe and unsafe change places,
            so that what is erased is a direction of noise.

    Raises:
        PairingError: they differ in shape, or there are none.
        InputError: no map has this name.
    """
    if safe.shape != unsafe.shape or not len(safe):
        raise PairingError(
            f"a map is fitted on pairs; got {tuple(safe.shape)} safe and {tuple(unsafe.shape)} "
            "unsafe embeddings"
        )
    if by not in _FITS:
        raise InputError(f"embeddings are rewritten by {', '.join(_FITS)}; got {by!r}")
    if swapped is not None:
        generator = torch.Generator().manual_seed(swapped)
        other = (torch.rand(len(safe), 1, generator=generator) < 0.5).to(safe.device)
        safe, unsafe = torch.where(other, unsafe, safe), torch.where(other, safe, unsafe)
    return _FITS[by](safe, unsafe)
