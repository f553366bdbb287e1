"""Scores by a function of one's own: the tower's inputs are read, the function is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from torch import Tensor

from storage.formats.samples import SampleArrays
from storage.formats.scores import write_scores
from storage.store.spec import Spec
from storage.store.store import Store
from tasks.cost import free
from tasks.inputs import INPUTS
from tasks.own_code import OwnCodeSpec
from tasks.stage import stage
from uwm.backbones.backbone import Backbone
from uwm.config import Precision
from uwm.config.methods.requests import ComputedScore, Unit
from uwm.families import Role, Tower
from uwm.layers import find_layers
from uwm.method.computed import compute


class ComputedScoresSpec(Spec):
    """A score per layer of one tower: (out, in) of unit `weight`, (in,) of unit `node`.

    Attributes:
        by: the function.
        data: digest of the calibration pixels or tokens that the tower reads.
    """

    kind: ClassVar[str] = "scores"
    tower: Tower
    unit: Unit
    by: OwnCodeSpec
    weights: str
    precision: Precision
    roles: tuple[Role, ...]
    data: str

    @classmethod
    def of(
        cls,
        backbone: Backbone,
        wanted: ComputedScore,
        tower: Tower,
        roles: Sequence[Role],
        inputs: Spec,
    ) -> ComputedScoresSpec:
        return cls(
            tower=tower,
            unit=wanted.unit,
            by=OwnCodeSpec.of(wanted.by),
            weights=backbone.tower_digest(tower),
            precision=backbone.precision,
            roles=tuple(sorted(roles)),
            data=inputs.digest,
        )


@dataclass(frozen=True)
class StoredInputs:
    """Stored pixels or tokens, as `uwm.method.computed.TowerInputs`."""

    backbone: Backbone
    arrays: SampleArrays

    @property
    def samples(self) -> int:
        return self.arrays.samples

    def read(self, partition: Literal["safe", "unsafe"], rows: slice) -> Tensor:
        return self.backbone.staged(self.arrays.read(partition, rows))


@stage(ComputedScoresSpec, cost=free)
def compute_scores(
    specs: Sequence[ComputedScoresSpec], store: Store, backbone: Backbone, batch_size: int
) -> None:
    """Score every layer of one tower by the function that a spec names.

    Raises:
        PluginError, NonFiniteScoreError: see `uwm.method.computed`.
    """
    for spec in specs:
        inputs = StoredInputs(backbone, SampleArrays(store.path(INPUTS[spec.tower], spec.data)))

        def build(folder: Path) -> None:
            layers = find_layers(backbone.model, spec.tower, spec.roles)
            wanted = ComputedScore(spec.unit, spec.by.checked())
            with backbone.locks[spec.tower]:
                scores = compute(wanted, backbone, spec.tower, layers, inputs, batch_size)
            write_scores(folder, scores, {"samples": inputs.samples, "excluded": 0})

        store.make(spec, build)
