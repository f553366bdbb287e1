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

    def rows(self, keep: Tensor) -> Activations:
        """Those of some samples: `keep` is bool (samples,)."""
        return Activations(*(part[keep] for part in self))


class TokenMoments(NamedTuple):
    """Moments over tokens, per sample and node.

    Shapes: `tokens` (samples, 1, 1), `mean` and `squares` (samples, 1, in), as products over tokens
    give them; `squares` is the sum of squared distances from the mean.
    """

    tokens: Tensor
    mean: Tensor
    squares: Tensor

    @classmethod
    def empty(cls, samples: int, x: Tensor) -> TokenMoments:
        """Room for the moments of so many samples of an activation like `x`."""
        widths = (1, x.shape[-1], x.shape[-1])
        return cls(*(torch.empty(samples, 1, width, device=x.device) for width in widths))

    def split(self, size: int) -> list[TokenMoments]:
        """Those of so many samples at a time, the last ones perhaps fewer: views, to write to."""
        parts = [torch.split(part, size) for part in self]
        return [TokenMoments(*each) for each in zip(*parts, strict=True)]

    def become(self, other: TokenMoments) -> None:
        """Take the values of `other`, in place."""
        for mine, theirs in zip(self, other, strict=True):
            mine.copy_(theirs)

    @property
    def activations(self) -> Activations:
        """What scores need of them."""
        return Activations(self.norm, self.std)

    @property
    def norm(self) -> Tensor:
        """L2 norm over tokens, (samples, in)."""
        return torch.addcmul(self.squares, self.mean, self.mean * self.tokens).sqrt_().squeeze(1)

    @property
    def std(self) -> Tensor:
        """Unbiased standard deviation over tokens, (samples, in); NaN below two of them."""
        freedom = (self.tokens - 1).masked_fill_(self.tokens < 2, torch.nan)
        return (self.squares / freedom).sqrt_().squeeze(1)

    def merge(self, other: TokenMoments) -> TokenMoments:
        """The moments of both sets of tokens of the same samples (Chan et al. 1983)."""
        tokens = self.tokens + other.tokens
        delta = other.mean - self.mean
        mean = self.mean + delta * (other.tokens / tokens.clamp(min=1))
        between = delta.square() * (self.tokens * other.tokens / tokens.clamp(min=1))
        return TokenMoments(tokens, mean, self.squares + other.squares + between)


class RealTokens(NamedTuple):
    """The tokens that count, ready for sums over them, which every layer of a tower takes alike.

    Shapes: `number` (samples, 1, 1); `mask` and `share`, which is `mask` by `number`, (samples, 1,
    length); all float32. Of the `context` tokens that an activation has, those from `length` on are
    padding in every sample, and no sum passes over them.
    """

    number: Tensor
    mask: Tensor
    share: Tensor
    context: int

    @classmethod
    def of(cls, keep: Tensor, device: torch.device | None = None) -> RealTokens:
        """From a bool (samples, tokens), True for real tokens; on `device`, its own by default."""
        context = keep.shape[1]
        ends = torch.arange(1, context + 1, device=keep.device) * keep
        length = max(1, int(ends.max()))
        mask = keep[:, :length].to(device).unsqueeze(1).float()
        number = mask.sum(-1, keepdim=True)
        return cls(number, mask, mask / number.clamp(min=1), context)  # a text may have none

    @classmethod
    def every(cls, samples: int, x: Tensor) -> RealTokens:
        """Every token of an activation like `x`, (any, tokens, in), of so many samples."""
        return cls.of(torch.ones(samples, x.shape[1], dtype=torch.bool), x.device)

    def split(self, size: int) -> list[RealTokens]:
        """Those of so many samples at a time, the last ones perhaps fewer."""
        number, mask, share = (torch.split(part, size) for part in self[:3])
        return [RealTokens(*parts, self.context) for parts in zip(number, mask, share, strict=True)]


def token_moments(
    x: Tensor, tokens: RealTokens, *, out: TokenMoments | None = None
) -> TokenMoments:
    """Moments of a layer's input over its real tokens.

    Args:
        x: (samples, tokens, in).
        out: where to write them.

    Returns:
        Float32 moments. Sums over tokens are products with the mask: on a CPU many times faster
        than `torch.var_mean`, and centring first keeps them as exact.

    Raises:
        PairingError: the mask does not fit the activation.
    """
    samples, _, length = tokens.mask.shape
    if x.ndim != 3 or x.shape[:2] != (samples, tokens.context):
        raise PairingError(
            f"an activation is (samples, tokens, in) and its mask (samples, tokens); "
            f"got {tuple(x.shape)} and {(samples, tokens.context)}"
        )
    if out is None:
        out = TokenMoments.empty(samples, x)
    out.tokens.copy_(tokens.number)
    x = x[:, :length].float()
    torch.bmm(tokens.share, x, out=out.mean)
    torch.bmm(tokens.mask, (x - out.mean).square_(), out=out.squares)
    return out
