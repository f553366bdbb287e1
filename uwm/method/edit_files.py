"""Edits on disk: one small safetensors file with its provenance in the metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from uwm.layers import LayerId
from uwm.method.editing import AddedChange, Edit, LayerEdit

_FILE, _EDIT = "edit.safetensors", "edit"
_PROJECTION = "projection"
_ADDED = tuple(part.name for part in fields(AddedChange))


def write_edit(folder: Path, edit: Edit, provenance: Mapping[str, str] | None = None) -> None:
    """Write an edit as `edit.safetensors` into an existing folder.

    The metadata has a single key, since the library would write several in an order that changes
    from run to run: the same edit always has the same bytes.

    Args:
        provenance: how the edit came about, kept in the file's metadata.
    """
    tensors: dict[str, Tensor] = {}
    layers = {}
    for id, layer in edit.layers.items():
        tensors[f"{id}.indices"] = layer.indices
        if layer.originals is not None:
            tensors[f"{id}.originals"] = layer.originals
        layers[str(id)] = {
            "unit": layer.unit,
            "alpha": layer.alpha,
            "fingerprint": layer.fingerprint,
        }
    for id, change in edit.added.items():
        tensors |= _tensors(str(id), change)
    content: dict[str, object] = {"tower": edit.tower, "layers": layers}
    if edit.added:
        content["added"] = [str(id) for id in edit.added]
    if edit.projected:
        tensors |= _tensors(_PROJECTION, edit.projected)
        content[_PROJECTION] = True
    content |= provenance or {}
    save_file(tensors, folder / _FILE, {_EDIT: json.dumps(content)})


def read_edit(folder: Path) -> Edit:
    """The edit that `write_edit` left in `folder`."""
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
        added = {
            LayerId.parse(id): AddedChange(*(file.get_tensor(f"{id}.{name}") for name in _ADDED))
            for id in content.get("added", [])
        }
        projected = None
        if content.get(_PROJECTION):
            projected = AddedChange(*(file.get_tensor(f"{_PROJECTION}.{name}") for name in _ADDED))
    return Edit(content["tower"], layers, added, projected)


def _tensors(what: str, change: AddedChange) -> dict[str, Tensor]:
    return {f"{what}.{name}": getattr(change, name).contiguous() for name in _ADDED}
