"""Activation capture: norm and std of every asked-for layer's input, per sample and partition.

The one expensive stage. What it keeps serves every score, tau, alpha and prior.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from torch import Tensor

from storage.formats.samples import SampleArrays
from storage.formats.statistics import StatisticsArrays
from storage.store.shards import ShardedSpec, within, write_listing
from storage.store.spec import Spec
from storage.store.store import Store
from tasks.inputs import INPUTS
from tasks.stage import progress, stage
from uwm.backbones.backbone import Backbone
from uwm.chunks import CHUNK
from uwm.config import Precision
from uwm.families import Role, Tower
from uwm.layers import Layer, find_layers
from uwm.method.capture import capture
from uwm.method.statistics import Activations


class StatisticsSpec(ShardedSpec):
    """norm, std and maybe peak, float32 (samples, in), per partition and input of one tower."""

    kind: ClassVar[str] = "statistics"
    resumable: ClassVar[bool] = True
    tower: Tower
    weights: str
    precision: Precision
    roles: tuple[Role, ...]
    peaks: bool = False

    @classmethod
    def of(
        cls,
        backbone: Backbone,
        tower: Tower,
        roles: Sequence[Role],
        inputs: Spec,
        *,
        peaks: bool = False,
    ) -> StatisticsSpec:
        return cls(
            tower=tower,
            weights=backbone.tower_digest(tower),
            precision=backbone.precision,
            roles=tuple(sorted(roles)),
            peaks=peaks,
            inputs=inputs.digest,
        )


def input_widths(backbone: Backbone, layers: Sequence[Layer]) -> dict[str, int]:
    """The number of input nodes of whatever each of `layers` reads, by the input's name."""
    return {layer.input: layer.weight(backbone.model).shape[1] for layer in layers}


@stage
def capture_statistics(
    specs: Sequence[StatisticsSpec], store: Store, backbone: Backbone, batch_size: int
) -> None:
    """Run one tower over both partitions of the calibration pairs, observed."""
    for spec in specs:
        if spec.shards:
            store.make(spec, partial(write_listing, shards=spec.shards))
            continue
        inputs = SampleArrays(store.path(INPUTS[spec.tower], spec.inputs))
        part = spec.part(inputs.samples)
        layers = find_layers(backbone.model, spec.tower, spec.roles)
        widths = input_widths(backbone, layers)

        def load(partition: str, rows: slice) -> Tensor:
            return backbone.staged(inputs.read(partition, within(part, rows)))

        def observe(chunk: Tensor) -> dict[str, Activations]:
            return capture(backbone, spec.tower, layers, chunk, batch_size, peaks=spec.peaks)

        def build(folder: Path) -> None:
            arrays = StatisticsArrays.create(
                folder, part.stop - part.start, CHUNK, widths, peaks=spec.peaks
            )
            with (
                backbone.locks[spec.tower],
                progress(f"capture-{spec.tower}", f"{spec.tower} chunks captured") as tell,
            ):
                arrays.fill(load, observe, tell)

        store.make(spec, build)
