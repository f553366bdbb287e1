"""Which rows of a data set count, where an edit is made from a part of it."""

from __future__ import annotations

import torch
from torch import Tensor

from storage.formats.datasets import read_dataset
from storage.store.store import Store
from tasks.datasets import DatasetSpec
from uwm.config import Subset
from uwm.method.subsets import subset_rows


def counted_rows(
    store: Store, dataset: DatasetSpec | None, subset: Subset | None, samples: int
) -> Tensor:
    """Which rows count: bool (samples,), all of them without a subset.

    Args:
        dataset: the one whose ids and concepts a subset goes by.
    """
    if subset is None or dataset is None:
        return torch.ones(samples, dtype=torch.bool)
    table = read_dataset(store.path(dataset)).rows
    ids, concepts = (table[name].astype(str).tolist() for name in ("id", "concept"))
    return torch.from_numpy(subset_rows(subset, ids, concepts))
