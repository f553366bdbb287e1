"""Safe-CLIP: training of both towers towards safe embeddings."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from uwm.config.choice import ChoiceRule
from uwm.config.methods.base import Method
from uwm.config.methods.requests import TrainedWeights
from uwm.config.settings import Name, Settings
from uwm.config.towers import EditedRoles, PerTower, Roles, as_tuple, filled, form
from uwm.families import TOWERS, Tower

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_ADAPTED: Roles = ("key", "value", "out", "fc1", "fc2")
"""The layers that Safe-CLIP's released code adapts."""


class LossWeights(Settings):
    """Weights of the four losses of one tower, see `uwm.method.safe_clip.losses`."""

    redirection: Weight
    redirection_contrastive: Weight
    preservation: Weight
    preservation_contrastive: Weight

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not any(self.model_dump().values()):
            raise ValueError("there is nothing to train for; give some loss a weight above 0")
        return self


_IMAGE = LossWeights(
    redirection=0.2,
    redirection_contrastive=0.5,
    preservation=0.1,
    preservation_contrastive=0.25,
)
_TEXT = LossWeights(
    redirection=0.1,
    redirection_contrastive=0.25,
    preservation=0.1,
    preservation_contrastive=0.25,
)
Losses = Annotated[PerTower[LossWeights], filled(image=_IMAGE, text=_TEXT)]
"""Weights of the losses per tower; the defaults are those of Safe-CLIP's released code."""


Rate = Annotated[float, Field(gt=0, le=1)]
RateGrid = Annotated[tuple[Rate, ...], BeforeValidator(as_tuple), Field(min_length=1)]
Rates = Annotated[
    Annotated[RateGrid, Tag("both")] | Annotated[PerTower[RateGrid], Tag("per tower")],
    Discriminator(form),
]


class TrainingSettings(Settings):
    """Settings that all trainings of a grid share."""

    epochs: int = Field(3, ge=1, le=1000)
    rank: int = Field(16, ge=1, le=1024)
    lora_alpha: float = Field(
        1.0,
        gt=0,
        allow_inf_nan=False,
        description="low-rank products are scaled by lora_alpha / rank",
    )
    batch_size: int = Field(32, ge=2, description="pairs per step; the others are the negatives")
    logit_scale: float = Field(100.0, gt=0, description="logit scale of the contrastive losses")
    seed: int = Field(0, ge=0)


class LowRankTraining(TrainingSettings):
    """How low-rank factors of a tower's weights are trained."""

    learning_rate: Rate = 1e-3


class SafeClip(TrainingSettings, Method):
    """Safe-CLIP: both towers trained towards safe embeddings on the calibration pairs.

    A list of learning rates is a grid: a training is chosen for each tower on the validation pairs,
    or none if the untrained tower is better.
    """

    kind: Literal["safe_clip"]
    name: Name = "safe_clip"
    learning_rate: Rates = (1e-3,)
    losses: Losses = PerTower[LossWeights](image=_IMAGE, text=_TEXT)
    roles: EditedRoles = PerTower[Roles](image=_ADAPTED, text=_ADAPTED)

    choice: ChoiceRule | None = Field(
        None, description="rule that chooses a training; by default the audit's `choice`"
    )

    @property
    def chosen_by(self) -> ChoiceRule | None:
        return self.choice

    @property
    def chooses(self) -> bool:
        return any(len(self.trainings(tower)) > 1 for tower in TOWERS)

    def trainings(self, tower: Tower) -> tuple[LowRankTraining, ...]:
        """Every training to try for a tower; empty if the tower is not trained."""
        if not self.roles[tower]:
            return ()
        common = self.model_dump(include=set(TrainingSettings.model_fields))
        rates = self.learning_rate
        return tuple(
            LowRankTraining(**common, learning_rate=rate)
            for rate in (rates[tower] if isinstance(rates, PerTower) else rates)
        )

    @property
    def brings_weights(self) -> bool:
        return True

    @property
    def changed_roles(self) -> PerTower[Roles]:
        return self.roles

    def weights_for(self, backbone: str) -> TrainedWeights:
        options = PerTower[tuple[LowRankTraining, ...]](
            image=self.trainings("image"), text=self.trainings("text")
        )
        return TrainedWeights(options, self.losses, self.roles)
