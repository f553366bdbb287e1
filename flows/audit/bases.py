"""Weights that an audit measures and edits: the backbone's own, and those that methods bring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from flows.audit.choices import choose_pair
from flows.stages.inputs import Inputs
from flows.stages.stages import Stages
from storage.store.store import Store
from tasks.artifacts import TowerInputsSpec
from tasks.embed import EmbeddingsSpec
from tasks.tune import TunedSpec, read_training
from uwm.backbones.load import OtherWeights
from uwm.config import AuditConfig, Method
from uwm.config.methods.requests import TrainedWeights, WeightsFrom
from uwm.errors import InputError
from uwm.families import Tower

Trainings = dict[Tower, list[TunedSpec]]
"""Every training of a method, by tower."""


@dataclass(frozen=True)
class Weights:
    """One backbone's weights, and the stages that work on them.

    Attributes:
        method: what brings them; None for the backbone's own.
        trained: the trainings that made them.
        choice: where these were chosen among others, the table of all.
    """

    stages: Stages
    method: Method | None = None
    trained: tuple[TunedSpec, ...] = ()
    choice: pd.DataFrame | None = None

    @property
    def name(self) -> str | None:
        """That of the method, as an edit's `base` has it."""
        return None if self.method is None else self.method.name

    def described(self, store: Store) -> dict[str, Any]:
        """What they are, in numbers; of a training the mean losses of its first and last epoch."""
        if self.method is None:
            return {}
        found: dict[str, Any] = {"kind": self.method.kind, "digests": self.stages.digests}
        if self.trained:
            found["trained"] = {spec.tower: _trained(store, spec) for spec in self.trained}
        return found


def _trained(store: Store, spec: TunedSpec) -> dict[str, Any]:
    training = read_training(store, spec)
    return {
        "artifact": str(spec),
        "roles": spec.roles,
        **spec.training.model_dump(),
        "steps": training["steps"],
        "first": training["losses"][0],
        "last": training["losses"][-1],
    }


def checkpoints(stages: Stages, config: AuditConfig) -> list[Weights]:
    """The other weights that this backbone has, loaded.

    Raises:
        InputError: some are of another network.
    """
    found = []
    for method in config.weight_methods:
        wanted = method.weights_for(stages.name)
        if isinstance(wanted, WeightsFrom):
            change = OtherWeights(wanted.place, config.device, config.precision)
            try:
                found.append(Weights(stages.on(change, method.name), method))
            except InputError as error:
                raise type(error)(f"{method.name}, {stages.name}: {error}") from error
    return found


def begin_trainings(
    stages: Stages, config: AuditConfig, inputs: Mapping[Tower, TowerInputsSpec]
) -> dict[str, Trainings]:
    """Submit every training on calibration inputs; by method."""
    return {
        method.name: stages.trainings(method.name, wanted, inputs)
        for method in config.weight_methods
        if isinstance(wanted := method.weights_for(stages.name), TrainedWeights)
    }


def trained(
    stages: Stages,
    config: AuditConfig,
    begun: Mapping[str, Trainings],
    inputs: Mapping[str, Inputs],
) -> Iterator[Weights]:
    """The weights of each training, one after the other; waits until they are there.

    Of several trainings those are taken that are chosen on the validation pairs; a tower for which
    none is stays as it is.
    """
    for method in config.weight_methods:
        if method.name not in begun:
            continue
        tried = begun[method.name]
        choice = None
        pair: Sequence[TunedSpec | None] = [spec for specs in tried.values() for spec in specs]
        if method.chooses:
            pair, choice = _chosen(stages, config, method.name, tried, inputs["validation"])
        specs = tuple(spec for spec in pair if spec is not None)
        yield Weights(stages.on_trained(specs, method.name), method, specs, choice)


def _chosen(
    stages: Stages, config: AuditConfig, name: str, tried: Trainings, data: Inputs
) -> tuple[tuple[TunedSpec | None, TunedSpec | None], pd.DataFrame]:
    def embedded(tower: Tower, spec: TunedSpec | None) -> EmbeddingsSpec:
        on = stages if spec is None else stages.on_trained([spec], name)
        return on.embeddings(tower, None, [data[tower]])[0]

    def described(spec: TunedSpec) -> dict[str, float]:
        return {"learning_rate": spec.training.learning_rate}

    return choose_pair(stages, config, name, tried, embedded, described, data)
