"""Which samples of a pair set are one item: the same picture or the same text, row after row.

A set with five captions per picture has every picture in five rows. As candidates of a search these
five are one item, and all its captions are hits; as evidence they are one cluster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from uwm.errors import PairingError
from uwm.partitions import PARTITIONS


class Items(NamedTuple):
    """Of each row which picture and which text it has: int64 (samples,) each.

    Safe and unsafe samples of a tower are numbered together, so that equal numbers are equal
    content across both.
    """

    safe_image: Tensor
    unsafe_image: Tensor
    safe_text: Tensor
    unsafe_text: Tensor

    @classmethod
    def of(cls, images: Mapping[str, Sequence[str]], texts: Mapping[str, Sequence[str]]) -> Items:
        """From pictures' content digests and from texts, each under `safe` and `unsafe`.

        Raises:
            PairingError: they differ in length.
        """
        lengths = {len(part[side]) for part in (images, texts) for side in PARTITIONS}
        if len(lengths) > 1:
            raise PairingError(f"quadruples pair row by row; got {sorted(lengths)} rows")
        return cls(*_numbered(images), *_numbered(texts))

    @classmethod
    def distinct(cls, samples: int) -> Items:
        """Where no picture and no text comes twice."""
        first = torch.arange(samples)
        return cls(first, first + samples, first, first + samples)

    def clusters(self, named: Sequence[str] | None = None) -> NDArray[np.int64] | None:
        """Rows that share a picture, directly or through other rows, are one cluster: (samples,).

        Numbers from 0, in the order in which clusters come first; None where no two rows share one.

        Args:
            named: (samples,), what else rows share that are one cluster.
        """
        shared = [self.safe_image.cpu().numpy(), self.unsafe_image.cpu().numpy()]
        if named is not None:
            shared.append(numbered(named) + 1 + max(int(part.max(initial=-1)) for part in shared))
        found = np.concatenate(shared)
        if len(np.unique(found)) == len(found):
            return None
        from scipy.sparse import coo_array  # takes half a second, and is rarely needed
        from scipy.sparse.csgraph import connected_components

        rows = np.arange(len(self.safe_image))
        nodes = len(rows) + int(found.max(initial=-1)) + 1
        edges = (np.concatenate([rows] * len(shared)), len(rows) + found)
        graph = coo_array((np.ones(len(found)), edges), shape=(nodes, nodes))
        labels = numbered(connected_components(graph, directed=False)[1][: len(rows)])
        return labels if labels.max() + 1 < len(rows) else None


def numbered(labels: Sequence[object] | NDArray[np.generic]) -> NDArray[np.int64]:
    """Labels as numbers from 0, in the order in which they come first: (samples,)."""
    _, first, inverse = np.unique(np.asarray(labels), return_index=True, return_inverse=True)
    order = np.empty(len(first), dtype=np.int64)
    order[np.argsort(first)] = np.arange(len(first))
    return order[inverse]


def _numbered(content: Mapping[str, Sequence[str]]) -> tuple[Tensor, Tensor]:
    both = numbered([*content["safe"], *content["unsafe"]])
    safe, unsafe = np.split(both, [len(content["safe"])])
    return torch.from_numpy(safe), torch.from_numpy(unsafe)
