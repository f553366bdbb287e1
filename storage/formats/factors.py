"""A tower's training on disk: its factors, once it is done.

Safetensors with a single key of metadata, as `uwm.method.edit_files` has it
and for the same reason.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from storage.formats import standing
from uwm.layers import LayerId
from uwm.method.safe_clip import Factors

_FACTORS = "factors.safetensors"
_CONTENT = "training"


def write_factors(
    folder: Path, factors: Mapping[LayerId, Factors], content: Mapping[str, Any]
) -> None:
    """Write `factors.safetensors`, with JSON of how they came about; nothing else stays beside."""
    tensors = {}
    for id, product in factors.items():
        tensors[f"{id}.up"] = product.up.detach().cpu().contiguous()
        tensors[f"{id}.down"] = product.down.detach().cpu().contiguous()
    save_file(tensors, folder / _FACTORS, {_CONTENT: json.dumps(content)})
    standing.drop(folder)


def read_factors(folder: Path) -> tuple[dict[LayerId, Factors], dict[str, Any]]:
    """Inverse of `write_factors`."""
    tensors, content = _read(folder / _FACTORS)
    ids = {name.rpartition(".")[0] for name in tensors}
    found = {
        LayerId.parse(id): Factors(tensors[f"{id}.up"], tensors[f"{id}.down"]) for id in sorted(ids)
    }
    return found, content


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    with safe_open(path, framework="pt") as file:
        content: dict[str, Any] = json.loads(file.metadata()[_CONTENT])
        names = list(file.keys())
        return {name: file.get_tensor(name) for name in names}, content
