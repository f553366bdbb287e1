"""The stages of a search: many points at a time, in a few runs per generation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flows.stages.inputs import Inputs, Towers
from flows.stages.stages import Stages
from storage.store.spec import Spec
from tasks.datasets import DatasetSpec
from tasks.edit import edit
from tasks.embed import EmbeddingsSpec, embed
from tasks.embeddings import Pair
from tasks.metrics import MetricPlugin
from tasks.search import (
    ProposalsSpec,
    TrialsSpec,
    measure,
    propose,
    read_points,
    trials_spec,
)
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
        self._submit(propose, [spec], what=_generation(len(spec.earlier)))
        self._runs[spec.digest].result()
        return read_points(self.store, spec.digest)

    def trials(
        self, edits: Sequence[Towers], validation: Validation, number: int, scores: Sequence[Spec]
    ) -> TrialsSpec:
        """Edit, embed and measure the points of a generation; waits until they are measured.

        Of a generation that is measured nothing else is made again, should it be gone.

        Args:
            edits: each point's, not made yet.
            number: of the generation.
            scores: what they are selected by.
        """
        embedded = {
            tower: [
                [self._whole(tower, towers[position], data) for data in validation.inputs]
                for towers in edits
            ]
            for position, tower in enumerate(TOWERS)
        }
        pairs: list[list[Pair]] = [
            [(image.digest, text.digest) for image, text in zip(images, texts, strict=True)]
            for images, texts in zip(embedded["image"], embedded["text"], strict=True)
        ]
        by_set = list(zip(*pairs, strict=True))
        image, text = (self._whole(tower, None, validation.pairs) for tower in TOWERS)
        spec = trials_spec(
            validation.pairs.dataset,
            (image.digest, text.digest),  # of the first point of all
            by_set[0],
            [
                (dataset, found)
                for (dataset, _), found in zip(validation.zeroshot, by_set[1:], strict=True)
            ],
            validation.metrics,
        )
        what = _generation(number)
        if not self.store.complete(spec):
            for position, tower in enumerate(TOWERS):
                made = [*dict.fromkeys(found for towers in edits if (found := towers[position]))]
                if made:
                    name = f"{tower} · {what}"
                    self._submit(edit, made, self._backbone, what=name, needs=scores)
                distinct = dict.fromkeys(
                    [
                        (None, validation.pairs),
                        *(
                            (towers[position], data)
                            for towers in edits
                            for data in validation.inputs
                        ),
                    ]
                )
                self._submit_samples(
                    embed,
                    [
                        EmbeddingsSpec.of(self._backbone, tower, edited, data[tower])
                        for edited, data in distinct
                    ],
                    what=f"{tower} · {what}",
                    needs=[*made, *(data[tower] for data in validation.inputs)],
                )
        needs = [found for part in embedded.values() for each in part for found in each]
        needs += [image, text]
        self._submit(measure, [spec], what=what, needs=[validation.pairs.dataset, *needs])
        self._runs[spec.digest].result()
        return spec

    def _whole(self, tower: Tower, edited: Spec | None, data: Inputs) -> EmbeddingsSpec:
        inputs = data[tower]
        spec = EmbeddingsSpec.of(self._backbone, tower, edited, inputs)
        return spec.split(self._samples[inputs.digest])[1]


def _generation(number: int) -> str:
    return f"generation {number}"
