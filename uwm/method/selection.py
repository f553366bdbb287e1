"""Which weights or nodes of a layer to edit, given their scores.

Every rule answers with sorted flat indices into the scores it was given, and never with none.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from uwm.config import Scope
from uwm.config.methods.requests import Rule
from uwm.errors import EmptySelectionError, InputError, NonFiniteScoreError
from uwm.layers import LayerId

Selection = Mapping[LayerId, Tensor]
"""Sorted flat indices per layer, int64 (selected,)."""


def select(rule: Rule, score: Tensor, share: float) -> Tensor:
    """Indices of one layer's weights (or nodes) to edit; see the rules below."""
    rules = {"mass": select_mass, "count": select_count, "nodes": select_nodes}
    return rules[rule](score, share)


def select_mass(score: Tensor, tau: float) -> Tensor:
    """Smallest set of top weights whose scores sum to `tau` of the layer's total (Eq. 11).

    Args:
        score: any shape, not negative.
        tau: share of the summed score, 0 < tau < 1.

    Returns:
        int64 (selected,). As the authors do it: sort ascending, take where the cumulative share
        passes 1 - tau; in float64, so that millions of small scores still sum to 1.

    Raises:
        InputError: tau outside (0, 1).
        NonFiniteScoreError: negative scores, which have no shares.
        EmptySelectionError: all scores are 0.
    """
    _check_share("tau", tau)
    flat = score.flatten().double()
    if (flat < 0).any():
        raise NonFiniteScoreError(
            "selection by mass needs scores that are not negative, and the lowest is "
            f"{flat.min().item():.3g}; use selection `count` with difference scores"
        )
    total = flat.sum()
    if total <= 0:
        raise EmptySelectionError("every score is 0, so no weight carries a share of the total")
    ascending, order = flat.sort(stable=True)
    chosen = order[(ascending / total).cumsum(0) > 1 - tau]
    # Rounding can leave the last cumulative share below 1 - tau when tau is tiny.
    return _sorted(chosen if len(chosen) else order[-1:])


def select_count(score: Tensor, tau: float) -> Tensor:
    """Weights above the `(1 - tau) * numel`-th smallest score: a share of weights, not of score.

    Raises:
        InputError: tau outside (0, 1).
        EmptySelectionError: no score lies above the threshold (ties, or too small a layer).
    """
    _check_share("tau", tau)
    flat = score.flatten()
    rank = int((1 - tau) * flat.numel())
    threshold = flat.kthvalue(max(rank, 1)).values
    chosen = (flat > threshold).nonzero().flatten()
    if not len(chosen):
        raise EmptySelectionError(
            f"no score of {flat.numel()} lies above the {rank}-th smallest; raise tau"
        )
    return _sorted(chosen)


def select_nodes(score: Tensor, share: float) -> Tensor:
    """The top `share` of a layer's nodes by score, at least one: (in,) -> int64 (selected,).

    Ties go to the lower index. Raises InputError for a share outside (0, 1).
    """
    _check_share("share", share)
    count = max(1, round(share * len(score)))
    return _sorted(score.argsort(descending=True, stable=True)[:count])


def select_layers(
    rule: Rule, scores: Mapping[LayerId, Tensor], share: float, scope: Scope = "block"
) -> dict[LayerId, Tensor]:
    """Each layer's indices to edit.

    Args:
        scope: `block` takes the share of every layer by itself, as the paper does; `tower` takes
            the best `share` of all nodes of the layers together, so that some layers may have none
            and are left out.

    Raises:
        InputError: scope `tower` for weights, whose scores are shares of their own layer's.
    """
    if scope == "block":
        return {id: select(rule, score, share) for id, score in scores.items()}
    if rule != "nodes":
        raise InputError(f"scope `tower` is for nodes; got selection {rule!r}")
    chosen = select_nodes(torch.cat(list(scores.values())), share)
    found, start = {}, 0
    for id, score in scores.items():
        inside = chosen[(chosen >= start) & (chosen < start + len(score))] - start
        if len(inside):
            found[id] = inside
        start += len(score)
    return found


def select_random(size: int, count: int, generator: torch.Generator) -> Tensor:
    """`count` of `size` indices, each set equally likely: the control beside every claim.

    Raises:
        EmptySelectionError: count is 0.
    """
    if not 0 < count <= size:
        raise EmptySelectionError(f"a control takes between 1 and {size} indices; got {count}")
    return _sorted(torch.randperm(size, generator=generator)[:count])


def select_by_layer(
    rule: Rule, scores: Mapping[LayerId, Tensor], points: Mapping[LayerId, tuple[float, float]]
) -> tuple[dict[LayerId, Tensor], dict[LayerId, float]]:
    """A share of each layer by itself, and each layer's factor.

    Args:
        points: share and factor by layer; a layer that is not named stays.
    """
    selection = {id: select(rule, scores[id], share) for id, (share, _) in points.items()}
    return selection, {id: alpha for id, (_, alpha) in points.items()}


def _check_share(name: str, value: float) -> None:
    if not 0 < value < 1:  # also refuses NaN
        raise InputError(f"{name} is a share strictly between 0 and 1; got {value}")


def _sorted(indices: Tensor) -> Tensor:
    return indices.sort().values
