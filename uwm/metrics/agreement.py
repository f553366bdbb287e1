"""How far two selections agree: their Jaccard index, and what two random ones would have.

A selection is indices of a layer's weights or nodes. The index is the share of what either chose
that both chose: 1 for the same choice, 0 for none in common. Random selections of n and m of N have
k in common with the hypergeometric probability of k. Small random selections hardly ever agree and
large ones always do, so an index means something only beside what is expected of random ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from uwm.errors import InputError
from uwm.layers import LayerId


class Agreement(NamedTuple):
    """Of two selections from one layer.

    Attributes:
        size: how many weights or nodes there are to choose from.
        first, second, shared: how many either chose, and both.
        expected: the mean Jaccard index of random selections of as many.
    """

    size: int
    first: int
    second: int
    shared: int
    expected: float

    @property
    def jaccard(self) -> float:
        """The share of what either chose that both chose."""
        return self.shared / (self.first + self.second - self.shared)


def agreements(
    first: Mapping[LayerId, Tensor], second: Mapping[LayerId, Tensor], sizes: Mapping[LayerId, int]
) -> dict[LayerId, Agreement]:
    """The agreement in every layer that either chose from; the other may have chosen none there.

    Args:
        first, second: int64 (selected,) per layer, each index once.
        sizes: how many each layer has to choose from.

    Raises:
        InputError: an index twice, or one that the layer does not have.
    """
    found = {}
    for id in sorted({*first, *second}):
        chosen = [part.get(id, torch.empty(0, dtype=torch.int64)) for part in (first, second)]
        for indices in chosen:
            _check(id, indices, sizes[id])
        one, other = (len(indices) for indices in chosen)
        shared = int(torch.isin(*chosen, assume_unique=True).sum())
        expected = expected_jaccard(sizes[id], one, other)
        found[id] = Agreement(sizes[id], one, other, shared, expected)
    return found


def expected_jaccard(size: int, first: int, second: int) -> float:
    """The mean Jaccard index of random selections of `first` and of `second` from `size`.

    Exact: a sum over all numbers that they may have in common, in float64.

    Raises:
        InputError: a selection larger than the layer.
    """
    if not 0 <= min(first, second) <= max(first, second) <= size:
        raise InputError(f"a selection has between 0 and {size} indices; got {first} and {second}")
    if not first or not second:
        return 0.0
    from scipy.stats import hypergeom  # takes half a second, and is rarely needed

    shared = np.arange(max(0, first + second - size), min(first, second) + 1)
    probability = hypergeom.pmf(shared, size, first, second)
    probability /= probability.sum()  # 1 but for rounding
    return float((probability * shared / (first + second - shared)).sum())


def _check(id: LayerId, indices: Tensor, size: int) -> None:
    if (indices.sort().values.diff() == 0).any():
        raise InputError(f"a selection has every index once; {id} has some twice")
    if len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < size:
        raise InputError(f"{id} has the indices 0 to {size - 1}; got {int(indices.max())}")
