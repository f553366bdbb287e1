"""Closed-form edits of one layer, or of a final projection, and their controls."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from storage.formats.embeddings import read_embeddings
from storage.formats.pooled import PooledArrays
from storage.store.shards import pieces
from storage.store.spec import Input, Spec
from storage.store.store import Store
from tasks.artifacts import TowerEditSpec
from tasks.cost import Cost, weight_shapes
from tasks.counted import counted_rows
from tasks.datasets import DatasetSpec
from tasks.embed import EmbeddingsSpec
from tasks.pooled import PooledSpec
from tasks.stage import stage
from uwm.backbones.backbone import Backbone
from uwm.config import Subset
from uwm.config.methods.requests import Draw, Misleading
from uwm.families import Tower
from uwm.layers import LayerId
from uwm.method.edit_files import write_edit
from uwm.method.editing import add_changes, project
from uwm.method.moments import (
    EmbeddedPairs,
    LayerMoments,
    Pairing,
    layer_moments,
    second_moment,
)
from uwm.method.projection import check_projection, find_projection
from uwm.method.redirect import Factors, misdirection, redirection


class RedirectionSpec(TowerEditSpec):
    """What both forms of redirection have in common, see `uwm.method.redirect`.

    Attributes:
        dataset, subset: which of the pairs count, where not all do.
        leads, seed: of a control, how it leads elsewhere.
    """

    strength: float
    keep: float
    ridge: float
    dataset: Input[DatasetSpec] | None = None
    subset: Subset | None = None
    leads: Misleading | None = None
    seed: int | None = None

    def control(self, draw: Draw) -> Self:
        """As large a change that leads as the draw says."""
        own = {name: getattr(self, name) for name in type(self).model_fields}
        return self.model_validate({**own, "leads": draw.by, "seed": draw.seed})


class RedirectSpec(RedirectionSpec):
    """A change of one layer's whole weight: form A.

    Attributes:
        pooled: the layer at the pooled token of the calibration pairs.
        preserved: the same of what must not move.
    """

    pooled: Input[PooledSpec]
    preserved: tuple[Input[PooledSpec], ...]

    @property
    def tower(self) -> Tower:
        return self.pooled.tower


class ProjectionSpec(RedirectionSpec):
    """A change of a tower's final projection: form B.

    Attributes:
        embedded: the tower's embeddings of the calibration pairs.
        preserved: those of what must not move.
        other: the other tower's embeddings of the pairs, from whose middle `push` leads away.
    """

    embedded: Input[EmbeddingsSpec]
    preserved: tuple[Input[EmbeddingsSpec], ...]
    other: Input[EmbeddingsSpec]
    push: float

    @property
    def tower(self) -> Tower:
        return self.embedded.tower


def _cost(spec: RedirectSpec, backbone: Backbone) -> Cost:
    shape = weight_shapes(backbone, spec.tower, ["fc2"])[0]
    return Cost(lambda: _edit_bytes(*shape))


def _projection_cost(spec: ProjectionSpec, backbone: Backbone) -> Cost:
    """One sample is run twice, to see that embeddings follow the projection."""
    shape = find_projection(backbone.model, spec.tower).read(backbone.model).shape
    return Cost(lambda: _edit_bytes(*shape), 2, spec.tower)


def _edit_bytes(outputs: int, nodes: int) -> int:
    """At most: the weight in float32, and factors of full rank in float64."""
    return 4 * outputs * nodes + 8 * outputs * (outputs + nodes)


@stage(RedirectSpec, cost=_cost)
def redirect(specs: Sequence[RedirectSpec], store: Store, backbone: Backbone) -> None:
    """Solve for the changes and write the edits; moments are summed once for all points."""
    sums = _Sums(store)
    for spec in specs:

        def build(folder: Path) -> None:
            factors = _solved(sums, spec, spec.pooled)
            changes = {LayerId.parse(spec.pooled.layer): (factors.left, factors.right)}
            with backbone.locks[spec.tower]:
                made = add_changes(backbone.model, spec.tower, changes)
            write_edit(folder, made, _provenance(spec, factors))

        store.make(spec, build)


@stage(ProjectionSpec, cost=_projection_cost)
def redirect_projection(specs: Sequence[ProjectionSpec], store: Store, backbone: Backbone) -> None:
    """Solve for the maps of embeddings and write the edits; moments are summed once likewise.

    Raises:
        UnsupportedFamilyError: see `uwm.method.projection`.
    """
    sums = _Sums(store)
    for spec in specs:

        def build(folder: Path) -> None:
            factors = _solved(sums, spec, spec.embedded)
            with backbone.locks[spec.tower]:
                check_projection(backbone, spec.tower)
                made = project(backbone.model, spec.tower, factors.left, factors.right)
            write_edit(folder, made, _provenance(spec, factors))

        store.make(spec, build)


def _provenance(spec: RedirectionSpec, factors: Factors) -> dict[str, str]:
    return {"spec": spec.model_dump_json(), "kept": f"{factors.kept}"}


def _solved(
    sums: _Sums, spec: RedirectSpec | ProjectionSpec, made_from: PooledSpec | EmbeddingsSpec
) -> Factors:
    point = {"strength": spec.strength, "keep": spec.keep, "ridge": spec.ridge}
    own = sums.moments(spec, made_from)
    preserved = [sums.preserved(kept) for kept in spec.preserved]
    if spec.leads is None:
        return redirection(own, preserved, **point)
    seed = spec.seed or 0
    if spec.leads == "one way":
        generator = torch.Generator().manual_seed(seed)
        direction = torch.randn(len(own.cross), dtype=torch.float64, generator=generator)
        elsewhere = own.towards(torch.nn.functional.normalize(direction, dim=0))
    else:
        elsewhere = sums.moments(spec, made_from, spec.leads, seed)
    return misdirection(own, elsewhere, preserved, **point)


class _Sums:
    """Moments of stored samples, each summed once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._moments: dict[object, LayerMoments] = {}
        self._preserved: dict[Spec, Tensor] = {}

    def moments(
        self,
        spec: RedirectSpec | ProjectionSpec,
        made_from: PooledSpec | EmbeddingsSpec,
        pairing: Pairing = "own",
        seed: int = 0,
    ) -> LayerMoments:
        """Those of a point's pairs, led away from the other tower's embeddings where it says so."""
        key = (made_from, spec.dataset, spec.subset, pairing, seed)
        if key not in self._moments:
            pairs = self._pairs(made_from)
            counted = counted_rows(self._store, spec.dataset, spec.subset, pairs.samples)
            self._moments[key] = layer_moments(pairs, counted, pairing, seed)
        found = self._moments[key]
        if isinstance(spec, RedirectSpec):
            return found
        return found.away(self._embedded(spec.other).direction, spec.push)

    def preserved(self, kept: PooledSpec | EmbeddingsSpec) -> Tensor:
        """The mean over partitions, so that each of them counts alike."""
        if kept not in self._preserved:
            pairs = self._pairs(kept)
            found = [
                second_moment(partial(_reads, pairs, partition), pairs.samples)
                for partition in pairs.partitions
            ]
            self._preserved[kept] = torch.stack(found).mean(0)
        return self._preserved[kept]

    def _pairs(self, spec: PooledSpec | EmbeddingsSpec) -> PooledArrays | EmbeddedPairs:
        if isinstance(spec, EmbeddingsSpec):
            return self._embedded(spec)
        return PooledArrays(pieces(self._store, spec))

    def _embedded(self, spec: EmbeddingsSpec) -> EmbeddedPairs:
        return EmbeddedPairs(read_embeddings(self._store, spec))


def _reads(pairs: PooledArrays | EmbeddedPairs, partition: str, rows: slice) -> Tensor:
    return pairs.read(partition, rows).reads
