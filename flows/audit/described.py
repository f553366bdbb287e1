"""What a repair did to each tower, in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flows.audit.measuring import Repair
from storage.formats.scores import read_scores
from storage.store.store import Store
from tasks.ablation import AblationSpec
from tasks.artifacts import TowerEditSpec
from tasks.edit import EditSpec, LayerwiseEditSpec
from tasks.redirect import ProjectionSpec, RedirectionSpec, RedirectSpec
from uwm.config.methods.requests import ProjectionPoint, RedirectPoint
from uwm.families import TOWERS
from uwm.method.edit_files import read_edit
from uwm.method.editing import AddedChange, Edit


def described(store: Store, repair: Repair) -> dict[str, Any]:
    """The weights that a repair brings, and of each tower's edit what it changes and by which
    settings; None for a tower that is left alone."""
    found: dict[str, Any] = {"method": repair.method}
    if repair.method == repair.weights.name:
        found["weights"] = repair.weights.described(store)
    elif repair.weights.name is not None:
        found["base"] = repair.weights.name
    for tower, spec in zip(TOWERS, repair.edits, strict=True):
        found[tower] = None if spec is None else _described(store, spec)
    return found


def _described(store: Store, spec: TowerEditSpec) -> dict[str, Any]:
    edit = read_edit(store.path(spec))
    if isinstance(spec, RedirectSpec):
        ((id, change),) = edit.added.items()
        return {"edit": str(spec), **_redirection(spec, str(id), change, RedirectPoint._fields)}
    if isinstance(spec, ProjectionSpec) and edit.projected:
        settings = ProjectionPoint._fields
        layer = f"{edit.tower}.projection"
        return {"edit": str(spec), **_redirection(spec, layer, edit.projected, settings)}
    if isinstance(spec, AblationSpec):
        return {"edit": str(spec), **_ablation(spec, edit)}
    found = {"edit": str(spec), **_selection(edit)}
    if isinstance(spec, EditSpec):
        _, attributes = read_scores(store.path(spec.scores))
        found |= {"rule": spec.rule, "share": spec.share, **attributes}
    if isinstance(spec, LayerwiseEditSpec):
        _, attributes = read_scores(store.path(spec.scores))
        found |= {"rule": spec.rule, "share": "by layer", **attributes}
        found |= {"by_layer": {name: point for name, *point in spec.layers}}
    return found


def _selection(edit: Edit) -> dict[str, Any]:
    layers = list(edit.layers.values())
    factors = {layer.alpha for layer in layers}
    return {
        "unit": layers[0].unit,
        "alpha": factors.pop() if len(factors) == 1 else "by layer",
        "selected": sum(len(layer.indices) for layer in layers),
        "layers": [str(id) for id in edit.layers],
    }


def _redirection(
    spec: RedirectionSpec, layer: str, change: AddedChange, settings: Sequence[str]
) -> dict[str, Any]:
    found = {
        "unit": "matrix",
        "layers": [layer],
        "selected": change.originals.numel(),
        "rank": change.left.shape[1],
        "relative_change": float(
            (change.left @ change.right).norm() / change.originals.double().norm()
        ),
        **{name: getattr(spec, name) for name in settings},
    }
    return found if spec.leads is None else {**found, "rule": spec.leads}


def _ablation(spec: AblationSpec, edit: Edit) -> dict[str, Any]:
    found = {
        "unit": "direction",
        "layers": [str(id) for id in edit.added],
        "selected": sum(change.originals.numel() for change in edit.added.values()),
        "strength": spec.strength,
    }
    return found if spec.seed is None else {**found, "rule": "random direction"}
