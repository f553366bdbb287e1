"""Methods that bring weights of their own: other checkpoints, and training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from uwm.config.backbones import BackboneConfig
from uwm.config.settings import Name, Settings
from uwm.config.towers import Roles, TowerRoles

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_ADAPTED: Roles = ("key", "value", "out", "fc1", "fc2")
"""The layers that Safe-CLIP's released code adapts."""


def _named(weights: object) -> object:
    """Entries under the names of the backbones that they are for, unless they have their own."""
    if not isinstance(weights, Mapping):
        return weights
    return {
        backbone: {"name": backbone, **entry} if isinstance(entry, Mapping) else entry
        for backbone, entry in weights.items()
    }


class Checkpoint(Settings):
    """Other weights of the same networks, such as a published Safe-CLIP.

    It is measured on the backbones that it names; the others go without it.
    """

    kind: Literal["checkpoint"]
    name: Name = "checkpoint"
    weights: Annotated[dict[str, BackboneConfig], BeforeValidator(_named), Field(min_length=1)] = (
        Field(description="entries as under `backbones:`, by the name of the audit's backbone")
    )


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


class TowerLosses(Settings):
    """The losses of either tower; the defaults are those of Safe-CLIP's released code."""

    image: LossWeights = LossWeights(
        redirection=0.2,
        redirection_contrastive=0.5,
        preservation=0.1,
        preservation_contrastive=0.25,
    )
    text: LossWeights = LossWeights(
        redirection=0.1,
        redirection_contrastive=0.25,
        preservation=0.1,
        preservation_contrastive=0.25,
    )


class LowRankTraining(Settings):
    """How low-rank factors of a tower's weights are trained."""

    epochs: int = Field(3, ge=1, le=1000)
    rank: int = Field(16, ge=1, le=1024)
    learning_rate: float = Field(1e-3, gt=0, le=1)
    batch_size: int = Field(32, ge=2, description="pairs per step, negatives of one another")
    logit_scale: float = Field(100.0, gt=0, description="of the contrastive losses")
    seed: int = Field(0, ge=0)


class SafeClip(LowRankTraining):
    """Safe-CLIP: both towers trained towards safe embeddings on the calibration pairs."""

    kind: Literal["safe_clip"]
    name: Name = "safe_clip"
    losses: TowerLosses = TowerLosses()
    roles: TowerRoles = TowerRoles(image=_ADAPTED, text=_ADAPTED)

    @property
    def training(self) -> LowRankTraining:
        """What both towers' trainings have in common."""
        return LowRankTraining.model_validate(
            self.model_dump(include=set(LowRankTraining.model_fields))
        )
