"""Directional ablation of a tower: the mean streams of its blocks, and the edits from these."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from storage.formats.block_means import read_block_means, write_block_means
from storage.formats.samples import SampleArrays
from storage.store.spec import Input, Spec
from storage.store.store import Store
from tasks.artifacts import Roles, TowerEditSpec, TowerInputsSpec
from tasks.computed import StoredInputs
from tasks.cost import Cost, values, weight_shapes
from tasks.stage import stage
from uwm.backbones.backbone import Backbone
from uwm.config import Precision
from uwm.config.methods.requests import Draw
from uwm.families import Tower
from uwm.layers import Layer, find_layers
from uwm.method.ablation import ablation, block_means
from uwm.method.edit_files import write_edit
from uwm.method.editing import add_changes


class BlockMeansSpec(Spec):
    """The mean stream behind every block of a tower, see `uwm.method.ablation`."""

    kind: ClassVar[str] = "streams"
    tower: Tower
    weights: str
    precision: Precision
    data: Input[TowerInputsSpec]

    @classmethod
    def of(cls, backbone: Backbone, tower: Tower, data: TowerInputsSpec) -> BlockMeansSpec:
        return cls(
            tower=tower,
            weights=backbone.tower_digest(tower),
            precision=backbone.precision,
            data=data,
        )


class AblationSpec(TowerEditSpec):
    """A direction taken out of what a tower's blocks write.

    Attributes:
        blocks: their numbers; all where it is None.
        seed: of a control, whose directions are random.
    """

    means: Input[BlockMeansSpec]
    strength: float
    orthogonal: bool
    roles: Roles
    blocks: tuple[int, ...] | None = None
    seed: int | None = None

    @property
    def tower(self) -> Tower:
        return self.means.tower

    def control(self, draw: Draw) -> AblationSpec:
        """As strong an ablation of random directions."""
        own = {name: getattr(self, name) for name in type(self).model_fields}
        return AblationSpec.model_validate({**own, "seed": draw.seed or 0})

    def layers(self, backbone: Backbone) -> list[Layer]:
        """Those that it changes."""
        found = find_layers(backbone.model, self.tower, self.roles)
        return [layer for layer in found if self.blocks is None or layer.id.block in self.blocks]


def _edit_cost(spec: AblationSpec, backbone: Backbone) -> Cost:
    shapes = weight_shapes(backbone, spec.tower, spec.roles)
    return Cost(lambda: 4 * values(shapes))


def _means_cost(spec: BlockMeansSpec, backbone: Backbone) -> Cost:
    return Cost(samples=spec.data.samples * spec.data.partitions, tower=spec.tower)


@stage(BlockMeansSpec, cost=_means_cost)
def average_streams(
    specs: Sequence[BlockMeansSpec], store: Store, backbone: Backbone, batch_size: int
) -> None:
    """Run a tower over both partitions and keep the means of its blocks' streams.

    Raises:
        UnsupportedFamilyError: see `uwm.method.ablation`.
    """
    for spec in specs:
        inputs = StoredInputs(backbone, SampleArrays(store.path(spec.data)))

        def build(folder: Path) -> None:
            with backbone.locks[spec.tower]:
                found = block_means(backbone, spec.tower, inputs, batch_size)
            write_block_means(folder, found)

        store.make(spec, build)


@stage(AblationSpec, cost=_edit_cost)
def ablate(specs: Sequence[AblationSpec], store: Store, backbone: Backbone) -> None:
    """Write the edits that take the directions out.

    Raises:
        NoEffectError, UnsupportedFamilyError: see `uwm.method.ablation`.
    """
    for spec in specs:
        means = read_block_means(store.path(spec.means))

        def build(folder: Path) -> None:
            with backbone.locks[spec.tower]:
                changes = ablation(
                    *(backbone, spec.tower, means, spec.layers(backbone)),
                    strength=spec.strength,
                    orthogonal=spec.orthogonal,
                    seed=spec.seed,
                )
                made = add_changes(backbone.model, spec.tower, changes)
            write_edit(folder, made, {"spec": spec.model_dump_json()})

        store.make(spec, build)
