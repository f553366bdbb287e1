"""Activation statistics: all that any score needs to know of a layer's input.

For one layer and one sample b the input is x[b] of shape (tokens, in). Scores use, per input node
j, the L2 norm and the unbiased standard deviation of x[b, :, j] over the real tokens (UWM, section
on scoring). Both follow from number, mean and centred sum of squares, which merge exactly, so
tokens may arrive in pieces and the batch size changes nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from uwm.errors import PairingError


class Activations(NamedTuple):
    """`norm` and `std` over tokens of one layer's input on one partition, each (samples, in)."""

    norm: Tensor
    std: Tensor


class TokenMoments(NamedTuple):
    """Moments over tokens, per sample and node.

    Shapes: `tokens` (samples, 1), `mean` and `squares` (samples, in); `squares` is the sum of
    squared distances from the mean.
    """

    tokens: Tensor
    mean: Tensor
    squares: Tensor

    @property
    def norm(self) -> Tensor:
        """L2 norm over tokens, (samples, in)."""
        return (self.squares + self.tokens * self.mean.square()).sqrt()

    @property
    def std(self) -> Tensor:
        """Unbiased standard deviation over tokens, (samples, in); NaN below two of them."""
        return (self.squares / (self.tokens - 1)).sqrt().masked_fill(self.tokens < 2, torch.nan)

    def merge(self, other: TokenMoments) -> TokenMoments:
        """The moments of both sets of tokens of the same samples (Chan et al. 1983)."""
        tokens = self.tokens + other.tokens
        delta = other.mean - self.mean
        mean = self.mean + delta * (other.tokens / tokens.clamp(min=1))
        between = delta.square() * (self.tokens * other.tokens / tokens.clamp(min=1))
        return TokenMoments(tokens, mean, self.squares + other.squares + between)


def token_moments(x: Tensor, keep: Tensor | None = None) -> TokenMoments:
    """Moments of a layer's input over its real tokens.

    Args:
        x: (samples, tokens, in).
        keep: bool (samples, tokens), True for real tokens; None keeps every token.

    Returns:
        Float32 moments. Sums over tokens are products with the mask: on a CPU many times faster
        than `torch.var_mean`, and centring first keeps them as exact.

    Raises:
        PairingError: the mask does not fit the activation.
    """
    if x.ndim != 3 or (keep is not None and keep.shape != x.shape[:2]):
        shape = None if keep is None else tuple(keep.shape)
        raise PairingError(
            f"an activation is (samples, tokens, in) and its mask (samples, tokens); "
            f"got {tuple(x.shape)} and {shape}"
        )
    x = x.float()
    mask = x.new_ones(x.shape[:2]) if keep is None else keep.to(x.dtype)
    mask = mask.unsqueeze(1)
    tokens = mask.sum(-1)
    mean = torch.bmm(mask, x) / tokens.clamp(min=1).unsqueeze(-1)  # a text may have no real token
    squares = torch.bmm(mask, (x - mean).square_())
    return TokenMoments(tokens, mean.squeeze(1), squares.squeeze(1))
