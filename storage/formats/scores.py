"""Scores on disk: a Zarr group with one checksummed array per layer, named as the layer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import zarr
from torch import Tensor
from zarr.codecs import Crc32cCodec
from zarr.storage import LocalStore

from uwm.layers import LayerId

_DATA = "scores.zarr"


def write_scores(
    folder: Path, scores: Mapping[LayerId, Tensor], attributes: dict[str, Any]
) -> None:
    """Write each layer's scores, float32 (out, in) or (in,), and JSON attributes beside them.

    What a killed writer left there is replaced.
    """
    group = zarr.create_group(LocalStore(folder / _DATA), overwrite=True)
    group.attrs.update(attributes)
    for layer, score in scores.items():
        group.create_array(str(layer), data=score.cpu().numpy(), compressors=[Crc32cCodec()])


def read_scores(folder: Path) -> tuple[dict[LayerId, Tensor], dict[str, Any]]:
    """Inverse of `write_scores`."""
    group = zarr.open_group(LocalStore(folder / _DATA), mode="r")
    scores = {
        LayerId.parse(name): torch.from_numpy(array[:]) for name, array in sorted(group.arrays())
    }
    return scores, dict(group.attrs)
