"""Parts of a calibration set: one capture serves every size, seed, half and left-out concept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from uwm.config import Subset
from uwm.errors import EmptySelectionError, InputError


def subset_rows(subset: Subset, ids: Sequence[str], concepts: Sequence[str]) -> NDArray[np.bool_]:
    """Which rows belong to the part: bool (rows,).

    Rows of a concept are ordered by a hash of seed and id, as samples of sources are: a smaller
    size is part of a larger one of the same seed, and the two halves of a seed share no row.

    Raises:
        InputError: a concept that the set does not have.
        EmptySelectionError: nothing is left.
    """
    if unknown := sorted({*subset.without} - {*concepts}):
        raise InputError(
            f"the calibration set has the concepts {', '.join(sorted(set(concepts)))}; "
            f"got {', '.join(unknown)}"
        )
    order: dict[str, list[int]] = {}
    for row in sorted(range(len(ids)), key=lambda row: rank(subset.seed, ids[row])):
        if concepts[row] not in subset.without:
            order.setdefault(concepts[row], []).append(row)
    keep = np.zeros(len(ids), dtype=bool)
    for rows in order.values():
        middle = (len(rows) + 1) // 2
        match subset.half:
            case "first":
                rows = rows[:middle]
            case "second":
                rows = rows[middle:]
        keep[rows[: subset.per_concept]] = True
    if not keep.any():
        raise EmptySelectionError(f"no calibration pair is left of {len(ids)} by {subset}")
    return keep


def rank(seed: int, id: str) -> str:
    """A row's place in the order of a seed, the same on every machine."""
    return hashlib.sha256(f"{seed}:{id}".encode()).hexdigest()
