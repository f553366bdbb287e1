"""What an audit compares: the original, other weights, edits and their controls."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from uwm.config.backbones import BackboneConfig
from uwm.config.settings import Factor, Name, Settings, Share
from uwm.layers import Role

ScoreKind = Literal["ratio", "unsafe_only", "difference"]
Roles = tuple[Role, ...]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_ADAPTED: Roles = ("key", "value", "out", "fc1", "fc2")
"""The layers that Safe-CLIP's released code adapts."""


class Original(Settings):
    """The backbone as it is. Always part of an audit, named or not."""

    kind: Literal["original"]

    @property
    def name(self) -> str:
        return "original"


class TowerRoles(Settings):
    """Which layers to edit in either tower; an empty list leaves the tower alone."""

    image: Roles
    text: Roles

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.image and not self.text:
            raise ValueError("name at least one role in one tower, or there is nothing to edit")
        return self


class TowerPrior(Settings):
    """Whether scores are multiplied by the weight's magnitude, per tower."""

    image: bool = False
    text: bool = True


def _as_tuple(value: object) -> object:
    return value if isinstance(value, list | tuple) else (value,)


ShareGrid = Annotated[tuple[Share, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
FactorGrid = Annotated[tuple[Factor, ...], BeforeValidator(_as_tuple), Field(min_length=1)]


class EditMethod(Settings):
    """What `uwm` and `neurons` share: a name, layers, and factors to multiply by.

    A list instead of one value is a grid: the point is chosen on the validation pairs.
    """

    name: Name
    base: str | None = Field(
        None,
        description="the name of the `checkpoint` or `safe_clip` method whose weights it edits",
    )
    alpha: FactorGrid = (-1.0,)
    roles: TowerRoles


class Uwm(EditMethod):
    """Unsafe Weights Manipulation; the defaults are the paper's."""

    kind: Literal["uwm"]
    name: Name = "uwm"
    tau: ShareGrid = (0.02,)
    score: ScoreKind = "ratio"
    selection: Literal["mass", "count"] = "mass"
    roles: TowerRoles = TowerRoles(image=("fc2",), text=("out",))
    prior: TowerPrior = TowerPrior()

    @property
    def grid(self) -> tuple[tuple[float, float], ...]:
        """Every (tau, alpha) to try."""
        return tuple(product(self.tau, self.alpha))


class Neurons(EditMethod):
    """Neuron negation: whole input nodes, ranked by how much more they fire on unsafe content."""

    kind: Literal["neurons"]
    name: Name = "neurons"
    share: ShareGrid = (0.1,)
    roles: TowerRoles = TowerRoles(image=("fc2",), text=("fc2",))

    @property
    def grid(self) -> tuple[tuple[float, float], ...]:
        """Every (share, alpha) to try."""
        return tuple(product(self.share, self.alpha))


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
    """Weights of the four losses of one tower, see `uwm.safe_clip.losses`."""

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


class RandomControl(Settings):
    """As many weights (or nodes) per layer as another method edits, drawn at random.

    Measured on the first benchmark and the zero-shot sets.
    """

    kind: Literal["random"]
    of: str = Field(description="the name of the method to control")
    seeds: int = Field(3, ge=1, le=100)

    @property
    def name(self) -> str:
        return f"random {self.of}"


MethodConfig = Annotated[
    Original | Uwm | Neurons | Checkpoint | SafeClip | RandomControl, Field(discriminator="kind")
]
