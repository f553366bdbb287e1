"""Activation capture: norm and std of what layers read, per sample and partition.

The one expensive stage. What it keeps serves every score, share, alpha and prior, and each input of
a tower is an artifact of its own: whoever asks for another one runs the tower for that one alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from torch import Tensor

from storage.formats.samples import SampleArrays
from storage.formats.statistics import StatisticsArrays, fill_statistics, statistics_fields
from storage.store.shards import ShardedSpec, pieces, within, write_listing
from storage.store.spec import Input
from storage.store.store import Store
from storage.store.together import make_together
from tasks.artifacts import TowerInputsSpec
from tasks.cost import FREE, Cost, stored_bytes
from tasks.stage import progress, stage
from uwm.backbones.backbone import Backbone
from uwm.chunks import CHUNK
from uwm.config import Precision
from uwm.families import INPUT_ROLES, LayerInput, Role, Tower, read_by
from uwm.layers import Layer, find_layers
from uwm.method.capture import capture
from uwm.method.statistics import Activations


class StatisticsSpec(ShardedSpec):
    """norm and std, float32 (samples, in), per partition and block, of one input of one tower."""

    kind: ClassVar[str] = "statistics"
    resumable: ClassVar[bool] = True
    tower: Tower
    weights: str
    precision: Precision
    reads: LayerInput
    data: Input[TowerInputsSpec]

    @classmethod
    def of(
        cls, backbone: Backbone, tower: Tower, roles: Sequence[Role], data: TowerInputsSpec
    ) -> list[StatisticsSpec]:
        """Those of every input that layers of some roles read."""
        return [
            cls(
                tower=tower,
                weights=backbone.tower_digest(tower),
                precision=backbone.precision,
                reads=reads,
                data=data,
            )
            for reads in read_by(roles)
        ]

    def layers(self, backbone: Backbone) -> tuple[Layer, ...]:
        """The layers that read this input."""
        return find_layers(backbone.model, self.tower, INPUT_ROLES[self.reads])


def input_widths(backbone: Backbone, layers: Sequence[Layer]) -> dict[str, int]:
    """The number of input nodes of whatever each of `layers` reads, by the input's name."""
    return {layer.input: layer.weight(backbone.model).shape[1] for layer in layers}


def read_statistics(
    store: Store, specs: Sequence[StatisticsSpec]
) -> dict[str, list[StatisticsArrays]]:
    """Statistics by the name of an input (`Layer.input`), in pieces in the order of samples."""
    found: dict[str, list[StatisticsArrays]] = {}
    for spec in specs:
        arrays = [StatisticsArrays(folder) for folder in pieces(store, spec)]
        found |= dict.fromkeys(arrays[0].names, arrays)
    return found


def _cost(spec: StatisticsSpec, backbone: Backbone) -> Cost:
    if spec.shards:
        return FREE  # a list of names
    fields = statistics_fields(input_widths(backbone, spec.layers(backbone))).values()
    samples = spec.part.stop - spec.part.start
    return Cost(
        lambda: stored_bytes([*fields], [samples]),  # a row of statistics holds both partitions
        samples * spec.data.partitions,
        spec.tower,
        shared=(spec.tower, spec.weights, spec.data, spec.rows),
    )


@stage(StatisticsSpec, cost=_cost)
def capture_statistics(
    specs: Sequence[StatisticsSpec], store: Store, backbone: Backbone, batch_size: int
) -> None:
    """Run a tower over both partitions of the calibration pairs, once for all inputs of a shard."""
    passes: dict[object, list[StatisticsSpec]] = {}
    for spec in specs:
        if not spec.shards:
            passes.setdefault((spec.tower, spec.data, spec.rows), []).append(spec)
    for together in passes.values():
        _capture(together, store, backbone, batch_size)
    for spec in specs:
        if spec.shards:
            store.make(spec, partial(write_listing, whole=spec))


def _capture(
    specs: Sequence[StatisticsSpec], store: Store, backbone: Backbone, batch_size: int
) -> None:
    """Capture those of several inputs of the same samples that are missing, in one pass."""
    tower = specs[0].tower

    def build(folders: Mapping[StatisticsSpec, Path]) -> None:
        inputs = SampleArrays(store.path(specs[0].data))
        part = specs[0].part
        samples = part.stop - part.start
        layers = [layer for spec in folders for layer in spec.layers(backbone)]
        arrays = [
            StatisticsArrays.create(folder, samples, CHUNK, widths)
            for spec, folder in folders.items()
            for widths in [input_widths(backbone, spec.layers(backbone))]
        ]

        def load(partition: str, rows: slice) -> Tensor:
            return backbone.staged(inputs.read(partition, within(part, rows)))

        def observe(chunk: Tensor, names: Collection[str]) -> dict[str, Activations]:
            wanted = [layer for layer in layers if layer.input in names]
            return capture(backbone, tower, wanted, chunk, batch_size)

        with (
            backbone.locks[tower],
            progress(f"capture-{tower}", f"{tower} chunks captured") as tell,
        ):
            fill_statistics(arrays, load, observe, tell)

    make_together(store, specs, build)
