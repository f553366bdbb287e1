"""The stages of a search: many points at a time, in a few runs per generation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flows.stages.inputs import Inputs, Towers
from flows.stages.stages import Stages
from tasks.artifacts import TowerEditSpec
from tasks.datasets import DatasetSpec
from tasks.embed import EmbeddingsSpec
from tasks.metrics import MetricPlugin
from tasks.search import ProposalsSpec, TrialsSpec, read_points
from uwm.config import SearchSettings
from uwm.families import TOWERS, Tower
from uwm.layers import find_layers
from uwm.search.space import FamilySpace, Point, Space


@dataclass(frozen=True)
class Validation:
    """What a search chooses on: pairs, zero-shot sets with their data, and further metrics."""

    pairs: Inputs
    zeroshot: Sequence[tuple[DatasetSpec, Inputs]] = ()
    metrics: Sequence[MetricPlugin] = ()

    @property
    def inputs(self) -> list[Inputs]:
        """The pairs', then each set's."""
        return [self.pairs, *(inputs for _, inputs in self.zeroshot)]


class SearchStages(Stages):
    """Stages of the points that a search tries. What it claims in the end has `Stages` of its own:
    a search that goes on makes fewer artifacts, and its results stand on the same ones."""

    def space(self, search: SearchSettings) -> Space:
        """What may vary on this backbone.

        Raises:
            UnknownRoleError, UnsupportedFamilyError: it has no such layers.
        """
        return Space(
            families={
                name: FamilySpace(
                    share=family.share,
                    alpha=family.alpha,
                    layers={
                        tower: {role: self.layers(tower, role) for role in roles}
                        for tower in TOWERS
                        for roles in [family.roles[tower]]
                    },
                )
                for name, family in search.families.items()
            }
        )

    def layers(self, tower: Tower, role: str) -> tuple[str, ...]:
        """The names of a tower's layers in a role."""
        found = find_layers(self._backbone.model, tower, [role])  # type: ignore[list-item]
        return tuple(str(layer.id) for layer in found)

    def nodes(self, tower: Tower) -> Mapping[str, int]:
        """How many input nodes each layer of a tower has."""
        layers = find_layers(self._backbone.model, tower)
        return {str(layer.id): layer.weight(self._backbone.model).shape[1] for layer in layers}

    def points(self, spec: ProposalsSpec) -> list[Point]:
        """The points of a generation; waits until they are proposed."""
        self.make([spec], _generation(len(spec.earlier)))
        self.read(spec)
        return read_points(self.store, spec)

    def trials(self, edits: Sequence[Towers], validation: Validation, number: int) -> TrialsSpec:
        """Edit, embed and measure the points of a generation; waits until they are measured.

        Once a generation is measured, what else it needed is not made again if it is gone.

        Args:
            edits: each point's.
            number: of the generation.
        """
        images, texts = (
            [
                [self._embedded(tower, towers[position], data) for towers in edits]
                for data in validation.inputs
            ]
            for position, tower in enumerate(TOWERS)
        )
        pairs, *others = (
            tuple(zip(*towers, strict=True)) for towers in zip(images, texts, strict=True)
        )
        image, text = (self._embedded(tower, None, validation.pairs) for tower in TOWERS)
        spec = TrialsSpec(
            dataset=validation.pairs.dataset,
            original=(image, text),  # of the first point of all
            pairs=pairs,
            zeroshot=tuple(
                (dataset, found)
                for (dataset, _), found in zip(validation.zeroshot, others, strict=True)
            ),
            metrics=validation.metrics,
        )
        if self.store.complete(spec):
            self._submit([spec], _generation(number))
        else:
            self.make([spec], _generation(number))
        self.read(spec)
        return spec

    def _embedded(self, tower: Tower, edited: TowerEditSpec | None, data: Inputs) -> EmbeddingsSpec:
        return EmbeddingsSpec.of(self._backbone, tower, edited, data[tower])


def _generation(number: int) -> str:
    return f"generation {number}"
