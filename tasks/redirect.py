"""Closed-form edits of one layer, and their controls."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from storage.formats.pooled import PooledArrays
from storage.store.shards import pieces
from storage.store.spec import Input, Spec
from storage.store.store import Store
from tasks.artifacts import TowerEditSpec
from tasks.cost import Cost, weight_shapes
from tasks.counted import counted_rows
from tasks.datasets import DatasetSpec
from tasks.pooled import PooledSpec
from tasks.stage import stage
from uwm.backbones.backbone import Backbone
from uwm.config import Subset
from uwm.config.methods.requests import Draw, Misleading
from uwm.families import Tower
from uwm.layers import LayerId
from uwm.method.edit_files import write_edit
from uwm.method.editing import add_changes
from uwm.method.moments import LayerMoments, Pairing, layer_moments, second_moment
from uwm.method.redirect import misdirection, redirection


class RedirectSpec(TowerEditSpec):
    """A change of one layer's whole weight, see `uwm.method.redirect`.

    Attributes:
        pooled: the layer at the pooled token of the calibration pairs.
        preserved: the same of what must not move.
        dataset, subset: which of the pairs count, where not all do.
        leads, seed: of a control, how it leads elsewhere.
    """

    pooled: Input[PooledSpec]
    preserved: tuple[Input[PooledSpec], ...]
    strength: float
    keep: float
    ridge: float
    dataset: Input[DatasetSpec] | None = None
    subset: Subset | None = None
    leads: Misleading | None = None
    seed: int | None = None

    @property
    def tower(self) -> Tower:
        return self.pooled.tower

    def control(self, draw: Draw) -> RedirectSpec:
        """As large a change that leads as the draw says."""
        own = {name: getattr(self, name) for name in type(self).model_fields}
        return RedirectSpec.model_validate({**own, "leads": draw.by, "seed": draw.seed})


def _cost(spec: RedirectSpec, backbone: Backbone) -> Cost:
    """At most: the weight in float32, and factors of full rank in float64."""
    outputs, nodes = weight_shapes(backbone, spec.tower, ["fc2"])[0]
    return Cost(lambda: 4 * outputs * nodes + 8 * outputs * (outputs + nodes))


@stage(RedirectSpec, cost=_cost)
def redirect(specs: Sequence[RedirectSpec], store: Store, backbone: Backbone) -> None:
    """Solve for the changes and write the edits; moments are summed once for all points."""
    sums = _Sums(store)
    for spec in specs:

        def build(folder: Path) -> None:
            point = {"strength": spec.strength, "keep": spec.keep, "ridge": spec.ridge}
            own = sums.moments(spec)
            preserved = [sums.preserved(kept) for kept in spec.preserved]
            if spec.leads is None:
                factors = redirection(own, preserved, **point)
            else:
                elsewhere = _elsewhere(sums, own, spec, spec.leads)
                factors = misdirection(own, elsewhere, preserved, **point)
            changes = {LayerId.parse(spec.pooled.layer): (factors.left, factors.right)}
            provenance = {"spec": spec.model_dump_json(), "kept": f"{factors.kept}"}
            with backbone.locks[spec.tower]:
                made = add_changes(backbone.model, spec.tower, changes)
            write_edit(folder, made, provenance)

        store.make(spec, build)


def _elsewhere(
    sums: _Sums, own: LayerMoments, spec: RedirectSpec, leads: Misleading
) -> LayerMoments:
    seed = spec.seed or 0
    if leads == "one way":
        generator = torch.Generator().manual_seed(seed)
        direction = torch.randn(len(own.cross), dtype=torch.float64, generator=generator)
        return own.towards(torch.nn.functional.normalize(direction, dim=0))
    return sums.moments(spec, leads, seed)


class _Sums:
    """Moments of stored samples, each summed once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._moments: dict[object, LayerMoments] = {}
        self._preserved: dict[Spec, Tensor] = {}

    def moments(self, spec: RedirectSpec, pairing: Pairing = "own", seed: int = 0) -> LayerMoments:
        key = (spec.pooled, spec.dataset, spec.subset, pairing, seed)
        if key not in self._moments:
            arrays = self._arrays(spec.pooled)
            counted = counted_rows(self._store, spec.dataset, spec.subset, arrays.samples)
            self._moments[key] = layer_moments(arrays, counted, pairing, seed)
        return self._moments[key]

    def preserved(self, pooled: PooledSpec) -> Tensor:
        """The mean over partitions, so that each of them counts alike."""
        if pooled not in self._preserved:
            arrays = self._arrays(pooled)
            found = [
                second_moment(partial(_reads, arrays, partition), arrays.samples)
                for partition in arrays.partitions
            ]
            self._preserved[pooled] = torch.stack(found).mean(0)
        return self._preserved[pooled]

    def _arrays(self, pooled: PooledSpec) -> PooledArrays:
        return PooledArrays(pieces(self._store, pooled))


def _reads(arrays: PooledArrays, partition: str, rows: slice) -> Tensor:
    return arrays.read(partition, rows).reads
