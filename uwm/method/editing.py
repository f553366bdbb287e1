"""Edits: which weights of a tower are multiplied by what, as a small object that can be undone.

An edit keeps indices, not weights, and a fingerprint of the weights it was made for: applied to any
others, or twice, it refuses. Undoing is exact to the bit. Where alpha is a power of two (so the
paper's -1) dividing by it is; for any other alpha the edit also keeps the original values. So does
an edit that adds a matrix to a whole weight, see `AddedChange`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from uwm.config.methods.requests import Unit
from uwm.errors import EmptySelectionError, InputError, NoEffectError, WrongWeightsError
from uwm.families import Tower
from uwm.layers import LayerId, find_layers
from uwm.method.projection import find_projection


@dataclass(frozen=True)
class LayerEdit:
    """What happens to one layer's (out, in) weight.

    Attributes:
        unit: `weight`: indices are flat positions; `node`: indices are input nodes, whole columns.
        indices: int64 (selected,), sorted.
        alpha: the factor.
        fingerprint: SHA-256 of the selected weights before the edit.
        originals: the selected weights before the edit, (selected,) or (out, selected); None where
            dividing by alpha gives them back exactly.
    """

    unit: Unit
    indices: Tensor
    alpha: float
    fingerprint: str
    originals: Tensor | None = None

    def read(self, weight: Tensor) -> Tensor:
        """The selected weights, on the CPU: (selected,) or (out, selected)."""
        indices = self.indices.to(weight.device)
        flat = weight.detach().reshape(-1)
        chosen = flat[indices] if self.unit == "weight" else weight.detach()[:, indices]
        return chosen.cpu()

    def write(self, weight: Tensor, values: Tensor) -> None:
        """Put `values`, shaped as `read` gives them, in place of the selected weights."""
        indices, values = self.indices.to(weight.device), values.to(weight.device, weight.dtype)
        with torch.no_grad():
            if self.unit == "weight":
                weight.view(-1)[indices] = values
            else:
                weight[:, indices] = values


@dataclass(frozen=True)
class AddedChange:
    """A matrix that is added to one layer's whole weight, as the product of two factors.

    A sum in floating point cannot be undone by a difference, so the weight is kept.

    Attributes:
        left, right: float64 (out, rank) and (rank, in).
        originals: the weight before the edit, (out, in).
    """

    left: Tensor
    right: Tensor
    originals: Tensor

    @property
    def edited(self) -> Tensor:
        """The weight after the edit: summed in float64, and rounded once."""
        change = self.left @ self.right
        return (self.originals.double() + change).to(self.originals.dtype)


@dataclass(frozen=True)
class Edit:
    """An edit of one tower: layer by layer, independent of the other tower's.

    Attributes:
        layers: where selected weights are multiplied.
        added: where a matrix is added; no layer is in both.
        projected: what is added to the final projection, whose bias is a last column.
    """

    tower: Tower
    layers: Mapping[LayerId, LayerEdit]
    added: Mapping[LayerId, AddedChange] = field(default_factory=dict)
    projected: AddedChange | None = None

    def count(self, weights: Mapping[LayerId, Tensor]) -> int:
        """Number of weights that the edit touches, given the tower's weights."""
        selected = sum(layer.read(weights[id]).numel() for id, layer in self.layers.items())
        whole = [*self.added.values(), *([self.projected] if self.projected else [])]
        return selected + sum(change.originals.numel() for change in whole)

    def apply(self, model: nn.Module) -> None:
        """Multiply the selected weights of `model` by alpha and add what is added, in place.

        Raises:
            WrongWeightsError: the weights are not those that the edit was made for, for example
                because it is applied already. Nothing is changed then.
        """
        weights = self._checked(model)
        for id, layer in self.layers.items():
            layer.write(weights[id], layer.read(weights[id]) * layer.alpha)
        for id, change in self.added.items():
            _overwrite(weights[id], change.edited)
        if self.projected:
            find_projection(model, self.tower).write(model, self.projected.edited)

    def revert(self, model: nn.Module) -> None:
        """Undo `apply`, bit for bit.

        Raises:
            WrongWeightsError: `model` does not carry this edit; nothing is changed then.
        """
        weights = tower_weights(model, self.tower)
        before = {}
        for id, layer in self.layers.items():
            edited = layer.read(weights[id])
            original = edited / layer.alpha if layer.originals is None else layer.originals
            if fingerprint(original) != layer.fingerprint:
                raise WrongWeightsError(f"{id} does not carry this edit, so it cannot be undone")
            before[id] = original
        for id, change in self.added.items():
            if not torch.equal(weights[id].detach().cpu(), change.edited):
                raise WrongWeightsError(f"{id} does not carry this edit, so it cannot be undone")
        if self.projected:
            projection = find_projection(model, self.tower)
            if not torch.equal(projection.read(model), self.projected.edited):
                raise WrongWeightsError(
                    f"the {self.tower} tower's projection does not carry this edit, so it cannot "
                    "be undone"
                )
            projection.write(model, self.projected.originals)
        for id, change in self.added.items():
            _overwrite(weights[id], change.originals)
        for id, layer in self.layers.items():
            layer.write(weights[id], before[id])

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """The model with the edit inside the block, and without it after, whatever happens."""
        self.apply(model)
        try:
            yield
        finally:
            self.revert(model)

    def _checked(self, model: nn.Module) -> Mapping[LayerId, Tensor]:
        weights = tower_weights(model, self.tower)
        for id, layer in self.layers.items():
            if id not in weights or fingerprint(layer.read(weights[id])) != layer.fingerprint:
                raise WrongWeightsError(
                    f"this edit was made for other weights in {id} (or is applied already); "
                    "make it anew from this model's own scores"
                )
        for id, change in self.added.items():
            if id not in weights or not torch.equal(weights[id].detach().cpu(), change.originals):
                raise WrongWeightsError(
                    f"this edit was made for other weights in {id} (or is applied already); "
                    "make it anew from this model's own moments"
                )
        if self.projected and not torch.equal(
            find_projection(model, self.tower).read(model), self.projected.originals
        ):
            raise WrongWeightsError(
                f"this edit was made for another final projection of the {self.tower} tower (or is "
                "applied already); make it anew from this model's own embeddings"
            )
        return weights


def make_edit(
    model: nn.Module,
    tower: Tower,
    selection: Mapping[LayerId, Tensor],
    alpha: float | Mapping[LayerId, float],
    unit: Unit = "weight",
) -> Edit:
    """An edit that multiplies the selected weights of `model`'s tower by `alpha`.

    Args:
        selection: per layer sorted indices, as `uwm.method.selection` gives them for weight scores
            (`unit="weight"`) or node scores (`unit="node"`).
        alpha: one factor, or one per layer; the paper uses -1, and 0 removes a weight.

    Raises:
        EmptySelectionError: no layer, or a layer with no index.
        InputError: alpha is not finite.
        NoEffectError: alpha is 1, or all selected weights of a layer are 0.
    """
    if not selection:
        raise EmptySelectionError(f"no layer of the {tower} tower was selected")
    factors = alpha if isinstance(alpha, Mapping) else dict.fromkeys(selection, alpha)
    weights = tower_weights(model, tower)
    layers = {}
    for id, indices in selection.items():
        factor = factors[id]
        if not math.isfinite(factor):
            raise InputError(f"alpha is a finite factor; got {factor}")
        if factor == 1:
            raise NoEffectError("alpha 1 leaves every weight as it is; the paper uses -1")
        if not len(indices):
            raise EmptySelectionError(f"nothing was selected in {id}")
        blank = LayerEdit(unit, indices.cpu(), factor, "")
        before = blank.read(weights[id])
        if not before.any():
            raise NoEffectError(f"every weight selected in {id} is 0 and would stay 0")
        layers[id] = LayerEdit(
            unit,
            indices.cpu(),
            factor,
            fingerprint(before),
            None if _divides_exactly(factor) else before.clone(),
        )
    return Edit(tower, layers)


def add_changes(
    model: nn.Module, tower: Tower, changes: Mapping[LayerId, tuple[Tensor, Tensor]]
) -> Edit:
    """An edit that adds a matrix to the weights of some layers of `model`'s tower.

    Args:
        changes: per layer two factors, (out, rank) and (rank, in), whose product is added.

    Raises:
        EmptySelectionError: no layer.
        InputError: factors that do not fit the weight, or are not finite.
        NoEffectError: a change too small to alter any weight.
    """
    if not changes:
        raise EmptySelectionError(f"no layer of the {tower} tower is changed")
    weights = tower_weights(model, tower)
    added = {}
    for id, (left, right) in changes.items():
        before = weights[id].detach().cpu().clone()
        if left.shape[1] != right.shape[0] or (len(left), right.shape[1]) != before.shape:
            raise InputError(
                f"the weight of {id} is {tuple(before.shape)}; factors of {tuple(left.shape)} and "
                f"{tuple(right.shape)} do not make a change of it"
            )
        added[id] = _added(str(id), left, right, before)
    return Edit(tower, {}, added)


def project(model: nn.Module, tower: Tower, left: Tensor, right: Tensor) -> Edit:
    """An edit that puts M W in place of a tower's final projection W, and M b in place of its bias.

    Args:
        left, right: factors of M - I, (dim, rank) and (rank, dim).

    Raises:
        UnsupportedFamilyError: the tower has no final projection.
        InputError: factors that do not fit it, or are not finite.
        NoEffectError: a change too small to alter any weight.
    """
    before = find_projection(model, tower).read(model)
    if left.shape[1] != right.shape[0] or not len(left) == right.shape[1] == len(before):
        raise InputError(
            f"embeddings have {len(before)} dimensions; factors of {tuple(left.shape)} and "
            f"{tuple(right.shape)} do not make a map of them"
        )
    change = _added(f"the {tower} projection", left, right.cpu().double() @ before.double(), before)
    return Edit(tower, {}, projected=change)


def _added(what: str, left: Tensor, right: Tensor, before: Tensor) -> AddedChange:
    if not (left.isfinite().all() and right.isfinite().all()):
        raise InputError(f"a change has finite factors; that of {what} has not")
    change = AddedChange(left.cpu().double(), right.cpu().double(), before)
    if torch.equal(change.edited, before):
        raise NoEffectError(f"the change of {what} is too small to alter any weight")
    return change


def tower_weights(model: nn.Module, tower: Tower) -> dict[LayerId, Tensor]:
    """Views of every editable weight of a tower: (out, in) each."""
    return {layer.id: layer.weight(model) for layer in find_layers(model, tower)}


def fingerprint(values: Tensor) -> str:
    """SHA-256 of the float32 values, in order."""
    return hashlib.sha256(values.float().contiguous().numpy().tobytes()).hexdigest()


def _overwrite(weight: Tensor, values: Tensor) -> None:
    with torch.no_grad():
        weight.copy_(values)


def _divides_exactly(alpha: float) -> bool:
    """Whether x * alpha / alpha is x for every (normal) float x: alpha is a power of two."""
    return alpha != 0 and math.frexp(abs(alpha))[0] == 0.5
