"""Training of one tower by Safe-CLIP's losses, and the backbones with what was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch

from storage.formats import standing
from storage.formats.embeddings import read_embeddings
from storage.formats.factors import read_factors, write_factors
from storage.formats.samples import SampleArrays
from storage.store.spec import Input, Spec
from storage.store.store import Store
from tasks.artifacts import Roles, TowerEmbeddingsSpec, TowerInputsSpec
from tasks.cost import Cost, weight_shapes
from tasks.stage import progress, stage
from uwm.backbones.backbone import Backbone
from uwm.config import LossWeights, LowRankTraining
from uwm.config.methods.requests import TrainedWeights
from uwm.families import TOWERS, Tower
from uwm.layers import LayerId
from uwm.method.safe_clip import Factors, Training, adapted, schedule, steps_per_epoch
from uwm.partitions import PARTITIONS

SAVED_EVERY = 20
"""Steps of a training that a killed one loses at most."""


class TunedSpec(Spec):
    """Factors of one tower's weights, trained on pairs with frozen embeddings as targets.

    Attributes:
        weights: digest of the tower before the training.
        data: the pairs' pixels or tokens.
        own, other: the pairs' embeddings by this and by the other tower, before it.
    """

    kind: ClassVar[str] = "tuned"
    resumable: ClassVar[bool] = True
    tower: Tower
    weights: str
    roles: Roles
    training: LowRankTraining
    losses: LossWeights
    data: Input[TowerInputsSpec]
    own: Input[TowerEmbeddingsSpec]
    other: Input[TowerEmbeddingsSpec]

    @classmethod
    def of(
        cls,
        backbone: Backbone,
        tower: Tower,
        wanted: TrainedWeights,
        training: LowRankTraining,
        data: TowerInputsSpec,
        embeddings: Mapping[Tower, TowerEmbeddingsSpec],
    ) -> TunedSpec:
        (other,) = {*TOWERS} - {tower}
        return cls(
            tower=tower,
            weights=backbone.tower_digest(tower),
            roles=wanted.roles[tower],
            training=training,
            losses=wanted.losses[tower],
            data=data,
            own=embeddings[tower],
            other=embeddings[other],
        )


def _cost(spec: TunedSpec, backbone: Backbone) -> Cost:
    shapes = weight_shapes(backbone, spec.tower, spec.roles)
    samples = spec.training.epochs * spec.data.samples * spec.data.partitions
    return Cost(lambda: 4 * spec.training.rank * sum(map(sum, shapes)), samples, spec.tower)


@stage(TunedSpec, cost=_cost)
def tune(specs: Sequence[TunedSpec], store: Store, backbone: Backbone) -> None:
    """Train a tower's factors; a killed training goes on where it was saved last.

    Raises:
        NotFiniteError: a loss is not a finite number.
    """
    for spec in specs:
        inputs = SampleArrays(store.path(spec.data))
        own, other = (read_embeddings(store, part)["safe"] for part in (spec.own, spec.other))
        total = steps_per_epoch(inputs.samples, spec.training) * spec.training.epochs

        def build(folder: Path) -> None:
            training = Training(backbone, spec.tower, spec.roles, spec.training, spec.losses)
            log = _Log(total // spec.training.epochs)
            if found := standing.noted(folder):
                state, content = found
                training.restore(state, content["steps"])
                log.epochs = content["losses"]
            with (
                backbone.locks[spec.tower],
                progress(f"tune-{spec.tower}", f"{spec.tower} training steps") as tell,
            ):
                done = 0
                for rows, batches in schedule(inputs.samples, spec.training):
                    done += len(batches)
                    if done <= training.steps:
                        continue
                    safe, unsafe = (
                        torch.from_numpy(inputs.read(part, rows)) for part in PARTITIONS
                    )
                    for batch in batches[training.steps - done :]:
                        log.add(
                            training.steps,
                            training.step(
                                *(part[batch] for part in (safe, unsafe)),
                                *(targets[rows][batch] for targets in (own, other)),
                            ),
                        )
                        if training.steps % SAVED_EVERY == 0:
                            noted = {"steps": training.steps, "losses": log.epochs}
                            standing.note(folder, training.state(), noted)
                        tell(training.steps, total)
            write_factors(
                folder,
                training.factors,
                {"spec": spec.model_dump_json(), "steps": total, "losses": log.means()},
            )

        store.make(spec, build)


class _Log:
    """Losses of each epoch, summed over its steps."""

    def __init__(self, per_epoch: int) -> None:
        self._per_epoch = per_epoch
        self.epochs: list[dict[str, float]] = []

    def add(self, step: int, losses: Mapping[str, float]) -> None:
        if step % self._per_epoch == 0:
            self.epochs.append(dict.fromkeys(losses, 0.0))
        for name, value in losses.items():
            self.epochs[-1][name] += value

    def means(self) -> list[dict[str, float]]:
        return [
            {name: value / self._per_epoch for name, value in epoch.items()}
            for epoch in self.epochs
        ]


@dataclass(frozen=True)
class TunedWeights:
    """The backbone with the factors of some artifacts (KIND/DIGEST) of a store, see `variant`."""

    store: str
    artifacts: tuple[str, ...]

    def __call__(self, original: Backbone) -> Backbone:
        factors: dict[LayerId, Factors] = {}
        for name in self.artifacts:
            factors |= read_factors(Store(self.store).path(name))[0]
        return adapted(original, factors)


def read_training(store: Store, spec: TunedSpec) -> dict[str, Any]:
    """What a training did: `steps`, and `losses`, the means of each epoch by name."""
    content = read_factors(store.path(spec))[1]
    return {key: content[key] for key in ("steps", "losses")}
