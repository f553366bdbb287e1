"""Activation capture: norm and std of every asked-for layer's input, per sample and partition.

The one expensive stage. What it keeps serves every score, tau, alpha and prior.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from storage.code import code_digest
from storage.samples import Array, Field, SampleArrays
from storage.store import Spec, Store
from tasks.stage import CHUNK, progress, stage
from uwm.backbone import Backbone
from uwm.capture import capture
from uwm.config import Precision
from uwm.layers import Role, Tower, find_layers
from uwm.statistics import Activations

PARTITIONS = ("safe", "unsafe")


class StatisticsSpec(Spec):
    """`ROLE/BLOCK/PARTITION/norm` and `std`, float32 (samples, in), of one tower."""

    kind: ClassVar[str] = "statistics"
    resumable: ClassVar[bool] = True
    tower: Tower
    weights: str
    precision: Precision
    roles: tuple[Role, ...]
    inputs: str

    @classmethod
    def of(
        cls, backbone: Backbone, tower: Tower, roles: Sequence[Role], inputs: Spec
    ) -> StatisticsSpec:
        return cls(
            code=code_digest(__name__),
            tower=tower,
            weights=backbone.tower_digest(tower),
            precision=backbone.precision,
            roles=tuple(sorted(roles)),
            inputs=inputs.digest,
        )


INPUTS: Mapping[Tower, str] = {"image": "pixels", "text": "tokens"}
"""The kind of artifact that a tower reads."""


@stage
def capture_statistics(
    specs: Sequence[StatisticsSpec], store: Store, backbone: Backbone, batch_size: int
) -> None:
    """Run one tower over both partitions of the calibration pairs, observed."""
    for spec in specs:
        inputs = SampleArrays(store.path(INPUTS[spec.tower], spec.inputs))
        layers = find_layers(backbone.model, spec.tower, spec.roles)
        widths = {layer.input: layer.weight(backbone.model).shape[1] for layer in layers}

        def load(rows: slice) -> dict[str, Tensor]:
            return {part: backbone.staged(inputs.read(part, rows)) for part in PARTITIONS}

        def compute(chunk: dict[str, Tensor]) -> dict[str, list[dict[str, Activations]]]:
            return {
                part: [
                    capture(backbone, spec.tower, layers, batch)
                    for batch in torch.split(chunk[part], batch_size)
                ]
                for part in PARTITIONS
            }

        def to_arrays(found: dict[str, list[dict[str, Activations]]]) -> dict[str, Array]:
            return {
                f"{name}/{part}/{statistic}": torch.cat(
                    [getattr(batch[name], statistic) for batch in batches]
                )
                .cpu()
                .numpy()
                for part, batches in found.items()
                for name in widths
                for statistic in Activations._fields
            }

        def build(folder: Path) -> None:
            arrays = SampleArrays.create(
                folder,
                samples=inputs.samples,
                chunk=CHUNK,
                fields={
                    f"{name}/{part}/{statistic}": Field((width,), "float32")
                    for name, width in widths.items()
                    for part in PARTITIONS
                    for statistic in Activations._fields
                },
            )
            with (
                backbone.locks[spec.tower],
                progress(f"capture-{spec.tower}", f"{spec.tower} chunks captured") as tell,
            ):
                arrays.fill(load, compute, to_arrays, tell)

        store.make(spec, build)


def read_activations(arrays: SampleArrays, name: str, part: str, rows: slice) -> Activations:
    """Rows of one layer's statistics on one partition."""
    return Activations(
        *(
            torch.from_numpy(arrays.read(f"{name}/{part}/{statistic}", rows))
            for statistic in Activations._fields
        )
    )
