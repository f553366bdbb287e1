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
    """`norm` and `std` over tokens of one layer's input on one partition, each (samples, in).

    `peak`, the largest magnitude over tokens, is there where it was asked for.
    """

    norm: Tensor
    std: Tensor
    peak: Tensor | None = None

    @property
    def known(self) -> tuple[Tensor, ...]:
        """Those that are there."""
        return tuple(part for part in self if part is not None)

    def rows(self, keep: Tensor) -> Activations:
        """Those of some samples: `keep` is bool (samples,)."""
        return Activations(*(part[keep] for part in self.known))


class TokenMoments(NamedTuple):
    """Moments over tokens, per sample and node.

    Shapes: `tokens` (samples, 1), `mean` and `squares` (samples, in); `squares` is the sum of
    squared distances from the mean; `peak` (samples, in) is the largest magnitude, if asked for.
    """

    tokens: Tensor
    mean: Tensor
    squares: Tensor
    peak: Tensor | None = None

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
        peak = None
        if self.peak is not None and other.peak is not None:
            peak = torch.maximum(self.peak, other.peak)
        return TokenMoments(tokens, mean, self.squares + other.squares + between, peak)


class RealTokens(NamedTuple):
    """The tokens that count, ready for sums over them, which every layer of a tower takes alike.

    Shapes: `number` (samples, 1); `mask` and `share`, which is `mask` by `number`, (samples, 1,
    tokens); all float32.
    """

    number: Tensor
    mask: Tensor
    share: Tensor

    @classmethod
    def of(cls, keep: Tensor) -> RealTokens:
        """From a bool (samples, tokens), True for real tokens."""
        mask = keep.unsqueeze(1).float()
        number = mask.sum(-1)
        return cls(number, mask, mask / number.clamp(min=1).unsqueeze(-1))  # a text may have none

    @classmethod
    def every(cls, x: Tensor) -> RealTokens:
        """Every token of an activation (samples, tokens, in)."""
        return cls.of(x.new_ones(x.shape[:2], dtype=torch.bool))


def token_moments(x: Tensor, tokens: RealTokens, *, peaks: bool = False) -> TokenMoments:
    """Moments of a layer's input over its real tokens.

    Args:
        x: (samples, tokens, in).
        peaks: find the largest magnitude over tokens too, which costs another pass over `x`.

    Returns:
        Float32 moments. Sums over tokens are products with the mask: on a CPU many times faster
        than `torch.var_mean`, and centring first keeps them as exact.

    Raises:
        PairingError: the mask does not fit the activation.
    """
    if x.ndim != 3 or tokens.mask.shape[::2] != x.shape[:2]:
        raise PairingError(
            f"an activation is (samples, tokens, in) and its mask (samples, tokens); "
            f"got {tuple(x.shape)} and {tuple(tokens.mask.shape[::2])}"
        )
    x = x.float()
    peak = (x * tokens.mask.transpose(1, 2)).abs_().amax(1) if peaks else None
    mean = torch.bmm(tokens.share, x)
    squares = torch.bmm(tokens.mask, (x - mean).square_())
    return TokenMoments(tokens.number, mean.squeeze(1), squares.squeeze(1), peak)
