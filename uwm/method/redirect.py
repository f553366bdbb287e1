"""`redirect`: unsafe content is led to where its safe pair is, by one matrix and in closed form.

No gradient and no training: second moments of the calibration pairs and one linear solve.

**Form A**, a linear layer whose output is added to the residual stream, at the pooled token. Of
each pair h_u and h_s are what the layer reads, and z_u and z_s the residual stream behind it; g is
what it reads of content that must not move. With E a mean over its samples,

    A  = E[h_u h_u'] + keep (E[h_s h_s'] + E[g g'])
    dW = strength E[(z_s - z_u) h_u'] (A + ridge mean(diag A) I)^-1

is the least change that takes z_u to z_s (strength 1; beyond, for more) and leaves what is kept.

**Form B**, a tower's final projection W, which becomes M W. On unit embeddings u and s of this
tower, with m the unit mean of the other one's, it is form A where h and z are both the embedding,
and u is led to s - push m:

    M - I = strength E[(s - push m - u) u'] (A + ridge mean(diag A) I)^-1

`push` leads unsafe embeddings away from where the other tower's embeddings lie on average, on top
of leading them to their safe pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from uwm.errors import InputError, NonFiniteScoreError
from uwm.method.moments import LayerMoments

KEPT_CHANGE = 0.999
"""Share of the squared change on the calibration pairs that a cut of the rank keeps."""


@dataclass(frozen=True)
class Factors:
    """A change of a matrix as a product of two: `left` (out, rank) times `right` (rank, in).

    Float64, as it was solved for; `kept` is the share of the squared change on the calibration
    pairs that the rank keeps.
    """

    left: Tensor
    right: Tensor
    kept: float

    @property
    def rank(self) -> int:
        return self.left.shape[1]

    @property
    def change(self) -> Tensor:
        """The whole change, (out, in)."""
        return self.left @ self.right


def redirect_layer(
    moments: LayerMoments,
    preserved: Sequence[Tensor] = (),
    *,
    strength: float = 1.0,
    keep: float = 1.0,
    ridge: float = 0.01,
) -> Tensor:
    """What to add to the layer's weight, float64 (out, in); of form B M - I, (dim, dim).

    Args:
        preserved: E[g g'], float64 (in, in), of each kind of content that must not move; each
            counts as much as the safe inputs of the pairs.
        strength: 1 puts an unsafe sample where its safe pair is, as well as a linear map can; more
            overshoots.
        keep: how much safe inputs, and those that must not move, count beside unsafe ones.
        ridge: times the mean second moment, in units of which a direction is worth a change.

    Raises:
        InputError: no pairs, or a value that is not positive.
        NonFiniteScoreError: the moments are not finite, or no solution is.
    """
    _check_positive(moments.pairs, strength=strength, keep=keep, ridge=ridge)
    second = moments.unsafe / moments.pairs + keep * moments.safe / moments.pairs
    for kept in preserved:
        second = second + keep * kept.to(second)
    second = second + ridge * second.diagonal().mean() * torch.eye(len(second)).to(second)
    return strength * _solved(second, moments.cross / moments.pairs)


def redirection(
    moments: LayerMoments,
    preserved: Sequence[Tensor] = (),
    *,
    strength: float,
    keep: float,
    ridge: float,
) -> Factors:
    """`redirect_layer`, its rank cut by `cut_rank` on the unsafe inputs of the pairs."""
    change = redirect_layer(moments, preserved, strength=strength, keep=keep, ridge=ridge)
    return cut_rank(change, moments.unsafe)


def misdirection(
    own: LayerMoments,
    elsewhere: LayerMoments,
    preserved: Sequence[Tensor] = (),
    *,
    strength: float,
    keep: float,
    ridge: float,
) -> Factors:
    """A control of `redirection` at the same point: as large, and made from other moments.

    Args:
        own: what the redirection is made from.
        elsewhere: of pairs that are swapped or mispaired, or `own.towards` a direction.
    """
    like, change = (
        redirect_layer(moments, preserved, strength=strength, keep=keep, ridge=ridge)
        for moments in (own, elsewhere)
    )
    return cut_rank(sized_like(change, like, own.unsafe), own.unsafe)


def sized_like(change: Tensor, like: Tensor, second: Tensor) -> Tensor:
    """A change scaled so that it moves what has these second moments as far as another one does.

    Args:
        change, like: float64 (out, in).
        second: E[h h'], float64 (in, in), or any multiple of it.

    Raises:
        InputError: the change moves nothing, so that no factor makes it as large.
    """
    moved, wanted = (torch.trace(each @ second @ each.T) for each in (change, like))
    if not moved > 0:
        raise InputError("a control moves nothing, so it cannot be made as large as the edit")
    return change * (wanted / moved).sqrt()


def cut_rank(change: Tensor, second: Tensor, kept: float = KEPT_CHANGE) -> Factors:
    """The change as factors of the least rank that keeps so much of what it does.

    What it does is its squared effect on the calibration pairs, tr(D E D') with E = E[h_u h_u']. Of
    all matrices of a rank the one with the top eigenvectors of D E D' in front keeps the most.

    Args:
        change: D, float64 (out, in).
        second: E, float64 (in, in), or any multiple of it.
        kept: share to keep; 1 keeps the whole rank.

    Raises:
        InputError: `kept` is not a share, or the change does nothing to these pairs.
    """
    if not 0 < kept <= 1:
        raise InputError(f"a rank keeps a share of the change, above 0 and at most 1; got {kept}")
    values, vectors = torch.linalg.eigh(change @ second @ change.T)
    values, vectors = values.flip(0).clamp(min=0), vectors.flip(1)
    total = values.sum()
    if not total > 0:
        raise InputError("the change does nothing to the calibration pairs, so no rank keeps it")
    shares = values.cumsum(0) / total
    rank = min(int((shares < kept).sum()) + 1, len(values))
    left = vectors[:, :rank]
    return Factors(left, left.T @ change, float(shares[rank - 1]))


def _solved(second: Tensor, target: Tensor) -> Tensor:
    """The X with X second = target, for a symmetric positive definite `second`."""
    factor, failed = torch.linalg.cholesky_ex(second)
    if int(failed) or not target.isfinite().all():
        raise NonFiniteScoreError(
            "the moments are not finite or have no definite sum; check the calibration set and the "
            "backbone's weights, or use a larger `ridge`"
        )
    return torch.cholesky_solve(target.T, factor).T


def _check_positive(pairs: int, **values: float) -> None:
    if not pairs:
        raise InputError("a redirection is made from pairs; none was given")
    for name, value in values.items():
        if not 0 < value < float("inf"):
            raise InputError(f"{name} is a positive number; got {value}")
