"""Sums over samples that grow while they are computed: what a killed writer of scores goes on from.

They stand in the draft, see `storage.formats.standing`, and are not part of the finished artifact.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from storage.formats import standing
from uwm.layers import LayerId


def keep_sums(folder: Path, samples: int, sums: Mapping[LayerId, Tensor]) -> None:
    """Keep the sums over the first `samples` samples in place of those of fewer."""
    standing.note(folder, {str(id): total for id, total in sums.items()}, {"samples": samples})


def kept_sums(folder: Path) -> tuple[int, dict[LayerId, Tensor] | None]:
    """The number of samples summed over so far, and the sums; none where nothing was kept."""
    found = standing.noted(folder)
    if found is None:
        return 0, None
    tensors, content = found
    return content["samples"], {LayerId.parse(name): total for name, total in tensors.items()}
