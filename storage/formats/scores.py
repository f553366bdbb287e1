"""Scores on disk: a Zarr group with one checksummed array per layer, named as the layer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
import zarr
from torch import Tensor
from zarr.codecs import Crc32cCodec
from zarr.storage import LocalStore

from storage.store.integrity import withdraw
from uwm.errors import DamagedArtifactError
from uwm.layers import LayerId

_DATA = "scores.zarr"
_LAYERS = "layers"
"""The attribute that lists them: no other array in the folder is read."""


def write_scores(
    folder: Path, scores: Mapping[LayerId, Tensor], attributes: dict[str, Any]
) -> None:
    """Write each layer's scores, float32 (out, in) or (in,), and JSON attributes beside them.

    What a killed writer left there is replaced.
    """
    group = zarr.create_group(LocalStore(folder / _DATA), overwrite=True)
    group.attrs.update({**attributes, _LAYERS: [str(layer) for layer in scores]})
    with zarr.config.set({"array.write_empty_chunks": True}):  # or all zeros would have no file
        for layer, score in scores.items():
            group.create_array(str(layer), data=score.cpu().numpy(), compressors=[Crc32cCodec()])


def read_scores(folder: Path) -> tuple[dict[LayerId, Tensor], dict[str, Any]]:
    """Inverse of `write_scores`.

    An artifact whose bytes are damaged counts as missing from then on.

    Raises:
        DamagedArtifactError: a chunk is missing, or stored bytes are not those that were written.
    """
    try:
        group = zarr.open_group(LocalStore(folder / _DATA), mode="r")
        attributes = dict(group.attrs)
        names = sorted(cast("list[str]", attributes.pop(_LAYERS)))
        return {LayerId.parse(name): _whole(group[name]) for name in names}, attributes
    except Exception as error:  # damaged metadata and chunks make Zarr raise errors of many kinds
        withdraw(folder)
        raise DamagedArtifactError(
            f"{folder.name}: scores are damaged ({error}); run the audit again to recompute them"
        ) from error


def _whole(array: object) -> Tensor:
    if not isinstance(array, zarr.Array):
        raise DamagedArtifactError("it is not an array")
    if array.nchunks_initialized < array.nchunks:  # Zarr would read zeros
        raise DamagedArtifactError(f"a chunk of {array.basename} is missing")
    return torch.from_numpy(array[:])
