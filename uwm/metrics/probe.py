"""A linear probe between safe and unsafe embeddings, in closed form."""

from __future__ import annotations

import torch
from torch import Tensor

_SHRINKAGE = 1e-3
"""Share of the mean variance that is added to every direction's, so that few samples do."""


def discriminant(safe: Tensor, unsafe: Tensor) -> Tensor:
    """Fisher's linear discriminant, towards unsafe: (n, dim), (n, dim) -> float64 (dim,)."""
    means = [part.double().mean(0) for part in (safe, unsafe)]
    rest = torch.cat(
        [part.double() - mean for part, mean in zip((safe, unsafe), means, strict=True)]
    )
    within = rest.T @ rest / len(rest)
    spread = within.diagonal().mean().clamp(1e-12) * _SHRINKAGE
    within += spread * torch.eye(len(within), dtype=torch.float64, device=within.device)
    direction: Tensor = torch.linalg.solve(within, means[1] - means[0])
    return direction
