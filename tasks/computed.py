"""Scores by a function of one's own: the tower's inputs are read, the function is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from storage.formats.samples import SampleArrays
from storage.formats.scores import write_scores
from storage.store.spec import Input
from storage.store.store import Store
from tasks.artifacts import LayerScoresSpec, TowerInputsSpec
from tasks.cost import Cost, score_shapes, values
from tasks.own_code import OwnCodeSpec
from tasks.stage import stage
from uwm.backbones.backbone import Backbone
from uwm.config import Precision
from uwm.config.methods.requests import ComputedScore
from uwm.families import Role, Tower
from uwm.layers import find_layers
from uwm.method.computed import compute
from uwm.partitions import Partition


class ComputedScoresSpec(LayerScoresSpec):
    """Scores by a function of one's own.

    Attributes:
        by: the function.
        data: the calibration pixels or tokens that the tower reads.
    """

    by: OwnCodeSpec
    weights: str
    precision: Precision
    data: Input[TowerInputsSpec]

    @classmethod
    def of(
        cls,
        backbone: Backbone,
        wanted: ComputedScore,
        tower: Tower,
        roles: Sequence[Role],
        data: TowerInputsSpec,
    ) -> ComputedScoresSpec:
        return cls(
            tower=tower,
            unit=wanted.unit,
            by=OwnCodeSpec.of(wanted.by),
            weights=backbone.tower_digest(tower),
            precision=backbone.precision,
            roles=roles,
            data=data,
        )


@dataclass(frozen=True)
class StoredInputs:
    """Stored pixels or tokens, as `uwm.method.computed.TowerInputs`."""

    backbone: Backbone
    arrays: SampleArrays

    @property
    def samples(self) -> int:
        return self.arrays.samples

    def read(self, partition: Partition, rows: slice) -> Tensor:
        return self.backbone.staged(self.arrays.read(partition, rows))


def _cost(spec: ComputedScoresSpec, backbone: Backbone) -> Cost:
    shapes = score_shapes(backbone, spec.tower, spec.roles, spec.unit)
    samples = spec.data.samples * spec.data.partitions
    return Cost(lambda: 4 * values(shapes), samples, spec.tower)


@stage(ComputedScoresSpec, cost=_cost)
def compute_scores(
    specs: Sequence[ComputedScoresSpec], store: Store, backbone: Backbone, batch_size: int
) -> None:
    """Score every layer of one tower by the function that a spec names.

    Raises:
        PluginError, NonFiniteScoreError: see `uwm.method.computed`.
    """
    for spec in specs:
        inputs = StoredInputs(backbone, SampleArrays(store.path(spec.data)))

        def build(folder: Path) -> None:
            layers = find_layers(backbone.model, spec.tower, spec.roles)
            wanted = ComputedScore(spec.unit, spec.by.checked())
            with backbone.locks[spec.tower]:
                scores = compute(wanted, backbone, spec.tower, layers, inputs, batch_size)
            write_scores(folder, scores, {"samples": inputs.samples, "excluded": 0})

        store.make(spec, build)
