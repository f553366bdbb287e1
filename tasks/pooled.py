"""Capture of one layer at the pooled token: what closed-form edits are made from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from torch import Tensor

from storage.formats.pooled import pooled_arrays, pooled_fields
from storage.formats.samples import Array, SampleArrays
from storage.store.shards import ShardedSpec, within, write_listing
from storage.store.spec import Input
from storage.store.store import Store
from tasks.artifacts import TowerInputsSpec
from tasks.cost import FREE, Cost, stored_bytes
from tasks.stage import progress, stage
from uwm.backbones.backbone import Backbone
from uwm.chunks import CHUNK
from uwm.config import Precision
from uwm.families import Tower
from uwm.layers import Layer, find_layers
from uwm.method.moments import Pooled
from uwm.method.pooling import check_added, pooled


class PooledSpec(ShardedSpec):
    """What one layer reads and the stream behind it, at the pooled token of every partition.

    Attributes:
        layer: its name, such as `text.11.fc2`.
    """

    kind: ClassVar[str] = "pooled"
    resumable: ClassVar[bool] = True
    tower: Tower
    weights: str
    precision: Precision
    layer: str
    data: Input[TowerInputsSpec]

    @classmethod
    def of(cls, backbone: Backbone, layer: Layer, data: TowerInputsSpec) -> PooledSpec:
        return cls(
            tower=layer.id.tower,
            weights=backbone.tower_digest(layer.id.tower),
            precision=backbone.precision,
            layer=str(layer.id),
            data=data,
        )


def _layer(spec: PooledSpec, backbone: Backbone) -> Layer:
    layers = find_layers(backbone.model, spec.tower, ["fc2"])
    return next(layer for layer in layers if str(layer.id) == spec.layer)


def _cost(spec: PooledSpec, backbone: Backbone) -> Cost:
    if spec.shards:
        return FREE  # a list of names
    outputs, nodes = _layer(spec, backbone).weight(backbone.model).shape
    fields = list(pooled_fields([""], nodes, outputs).values())
    rows = [spec.part.stop - spec.part.start] * spec.data.partitions
    # One sample more is run twice, to see that the layer is added to the stream.
    return Cost(lambda: stored_bytes(fields, rows), sum(rows) + 2, spec.tower)


@stage(PooledSpec, cost=_cost)
def pool(specs: Sequence[PooledSpec], store: Store, backbone: Backbone, batch_size: int) -> None:
    """Run a tower over data sets and keep one layer at the pooled token.

    Raises:
        UnsupportedFamilyError: see `uwm.method.pooling`.
    """
    for spec in specs:
        if spec.shards:
            store.make(spec, partial(write_listing, whole=spec))
            continue
        inputs = SampleArrays(store.path(spec.data))
        part = spec.part
        layer = _layer(spec, backbone)

        def load(rows: slice) -> dict[str, Tensor]:
            read = within(part, rows)
            return {name: backbone.staged(inputs.read(name, read)) for name in inputs.names}

        def compute(chunk: dict[str, Tensor]) -> dict[str, Pooled]:
            return {
                name: pooled(backbone, spec.tower, layer, values, batch_size)
                for name, values in chunk.items()
            }

        def to_arrays(found: dict[str, Pooled]) -> dict[str, Array]:
            return pooled_arrays(found)

        def build(folder: Path) -> None:
            outputs, nodes = layer.weight(backbone.model).shape
            fields = pooled_fields(inputs.names, nodes, outputs)
            arrays = SampleArrays.create(folder, part.stop - part.start, CHUNK, fields)
            with (
                backbone.locks[spec.tower],
                progress(f"pool-{spec.tower}", f"{spec.tower} chunks pooled") as tell,
            ):
                sample = next(iter(load(slice(0, 1)).values()))
                check_added(backbone, spec.tower, layer, sample)
                arrays.fill(load, compute, to_arrays, tell)

        store.make(spec, build)
