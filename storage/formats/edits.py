"""Edits on disk: one safetensors file, small, with its provenance in the header."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file

from uwm.layers import LayerId
from uwm.method.editing import Edit, LayerEdit

_FILE, _EDIT = "edit.safetensors", "edit"


def write_edit(folder: Path, edit: Edit, provenance: dict[str, str]) -> None:
    """Write `edit.safetensors`: indices per layer, and how it came about in the metadata.

    Metadata has a single key: the library writes several in an order of its own each time, and the
    same edit has the same bytes.
    """
    tensors, layers = {}, {}
    for id, layer in edit.layers.items():
        tensors[f"{id}.indices"] = layer.indices
        if layer.originals is not None:
            tensors[f"{id}.originals"] = layer.originals
        layers[str(id)] = {
            "unit": layer.unit,
            "alpha": layer.alpha,
            "fingerprint": layer.fingerprint,
        }
    content = {"tower": edit.tower, "layers": layers, **provenance}
    save_file(tensors, folder / _FILE, {_EDIT: json.dumps(content)})


def read_edit(folder: Path) -> Edit:
    """Inverse of `write_edit`."""
    with safe_open(folder / _FILE, framework="pt") as file:
        content = json.loads(file.metadata()[_EDIT])
        names = set(file.keys())
        layers = {
            LayerId.parse(id): LayerEdit(
                unit=layer["unit"],
                indices=file.get_tensor(f"{id}.indices"),
                alpha=layer["alpha"],
                fingerprint=layer["fingerprint"],
                originals=(
                    file.get_tensor(f"{id}.originals") if f"{id}.originals" in names else None
                ),
            )
            for id, layer in content["layers"].items()
        }
    return Edit(content["tower"], layers)
