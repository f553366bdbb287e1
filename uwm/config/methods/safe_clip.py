"""Safe-CLIP: training of both towers towards safe embeddings."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from uwm.config.methods.base import Method
from uwm.config.methods.requests import TrainedWeights
from uwm.config.settings import Name, Settings
from uwm.config.towers import EditedRoles, PerTower, Roles, filled

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
            raise ValueError("some loss has a weight above 0, or there is nothing to train for")
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
"""The losses of each tower; the defaults are those of Safe-CLIP's released code."""


class LowRankTraining(Settings):
    """How low-rank factors of a tower's weights are trained."""

    epochs: int = Field(3, ge=1, le=1000)
    rank: int = Field(16, ge=1, le=1024)
    learning_rate: float = Field(1e-3, gt=0, le=1)
    batch_size: int = Field(32, ge=2, description="pairs per step, negatives of one another")
    logit_scale: float = Field(100.0, gt=0, description="of the contrastive losses")
    seed: int = Field(0, ge=0)


class SafeClip(LowRankTraining, Method):
    """Safe-CLIP: both towers trained towards safe embeddings on the calibration pairs."""

    kind: Literal["safe_clip"]
    name: Name = "safe_clip"
    losses: Losses = PerTower[LossWeights](image=_IMAGE, text=_TEXT)
    roles: EditedRoles = PerTower[Roles](image=_ADAPTED, text=_ADAPTED)

    @property
    def training(self) -> LowRankTraining:
        """What both towers' trainings have in common."""
        return LowRankTraining.model_validate(
            self.model_dump(include=set(LowRankTraining.model_fields))
        )

    @property
    def brings_weights(self) -> bool:
        return True

    @property
    def changed_roles(self) -> PerTower[Roles]:
        return self.roles

    def weights_for(self, backbone: str) -> TrainedWeights:
        return TrainedWeights(self.training, self.losses, self.roles)
