"""Sums over samples that grow while they are computed: what a killed writer of scores goes on from.

One safetensors file in the draft, replaced as a whole: it is never torn. It is not part of the
finished artifact.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from uwm.layers import LayerId

_FILE, _FRESH, _SAMPLES = "sums.safetensors", "sums.fresh", "samples"


def keep_sums(folder: Path, samples: int, sums: Mapping[LayerId, Tensor]) -> None:
    """Keep the sums over the first `samples` samples in place of those of fewer."""
    tensors = {str(id): total.contiguous() for id, total in sums.items()}
    with (folder / _FRESH).open("wb") as file:
        file.write(save(tensors, {_SAMPLES: str(samples)}))
        file.flush()
        os.fsync(file.fileno())
    (folder / _FRESH).replace(folder / _FILE)


def kept_sums(folder: Path) -> tuple[int, dict[LayerId, Tensor] | None]:
    """The number of samples summed over so far, and the sums; none where nothing was kept."""
    try:
        with safe_open(folder / _FILE, framework="pt") as file:
            sums = {LayerId.parse(name): file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return int(file.metadata()[_SAMPLES]), sums
    except (FileNotFoundError, SafetensorError):  # none, or cut short by a machine that went down
        return 0, None


def drop_sums(folder: Path) -> None:
    """Leave nothing of them in the finished artifact."""
    for name in (_FILE, _FRESH):
        (folder / name).unlink(missing_ok=True)
