"""Blanking: a linear probe, and one embedding for every text that it calls unsafe.

It shows what metrics can and cannot tell. Nearly every unsafe query then prefers safe items, while
none of them finds its own: the information about the scene is gone with the unsafe one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from uwm.errors import PairingError
from uwm.metrics.probe import discriminant


@dataclass(frozen=True)
class Blanking:
    """A fitted probe and what it puts in place of what it flags.

    Attributes:
        direction: float64 (dim,); a text is flagged above `threshold` along it.
        blank: the unit mean of the safe embeddings, float32 (dim,).
    """

    direction: Tensor
    threshold: float
    blank: Tensor

    @classmethod
    def fit(cls, safe: Tensor, unsafe: Tensor) -> Self:
        """Fisher's linear discriminant between calibration texts, its threshold half way.

        Args:
            safe, unsafe: unit embeddings (samples, dim).

        Raises:
            PairingError: they differ in shape, or there are none.
        """
        if safe.shape != unsafe.shape or not len(safe):
            raise PairingError(
                f"a probe is fitted on pairs; got {tuple(safe.shape)} safe and "
                f"{tuple(unsafe.shape)} unsafe embeddings"
            )
        means = [part.double().mean(0) for part in (safe, unsafe)]
        direction = discriminant(safe, unsafe)
        middle = float(direction @ (means[0] + means[1]) / 2)
        return cls(direction, middle, torch.nn.functional.normalize(safe.mean(0), dim=0))

    def flags(self, embeddings: Tensor) -> Tensor:
        """Which embeddings (samples, dim) are called unsafe: bool (samples,)."""
        return embeddings.double() @ self.direction > self.threshold

    def apply(self, embeddings: Tensor) -> Tensor:
        """The embeddings (samples, dim) with the flagged ones replaced."""
        flagged = self.flags(embeddings).unsqueeze(1)
        return torch.where(flagged, self.blank.to(embeddings.dtype), embeddings)
