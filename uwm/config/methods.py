"""What an audit compares: the original, other weights, edits and their controls."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from itertools import product
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from uwm.config.backbones import BackboneConfig
from uwm.config.settings import Factor, Name, Settings, Share
from uwm.config.subset import Subset
from uwm.layers import TOWERS, Blocks, Role, Tower

ScoreKind = Literal["ratio", "unsafe_only", "difference"]
NodeScoreKind = Literal[
    "ratio",
    "log_ratio",
    "ratio_of_means",
    "difference",
    "standardized",
    "peak_ratio",
    "flow_ratio",
]
"""What ranks an MLP neuron, see `uwm.scoring.NodeScore`."""
Scope = Literal["block", "tower"]
"""Whether a share is of every layer's nodes, or of all layers' nodes together."""
GradientKind = Literal["g_unsafe", "g_safe_clip"]
"""Which loss a gradient is of, see `uwm.gradients`."""
WeightRule = Literal["mass", "count"]
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


class TowerBlocks(Settings):
    """Which blocks to edit per tower: `all`, `early`, `late` (halves), or by number from 0."""

    image: Blocks = "all"
    text: Blocks = "all"


def _as_tuple(value: object) -> object:
    return value if isinstance(value, list | tuple) else (value,)


ShareGrid = Annotated[tuple[Share, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
FactorGrid = Annotated[tuple[Factor, ...], BeforeValidator(_as_tuple), Field(min_length=1)]


class TowerShares(Settings):
    """Shares for either tower."""

    image: ShareGrid
    text: ShareGrid


class TowerFactors(Settings):
    """Factors for either tower."""

    image: FactorGrid
    text: FactorGrid


def _form(value: object) -> str:
    return "per tower" if isinstance(value, dict | TowerShares | TowerFactors) else "both"


Shares = Annotated[
    Annotated[ShareGrid, Tag("both")] | Annotated[TowerShares, Tag("per tower")],
    Discriminator(_form),
]
Factors = Annotated[
    Annotated[FactorGrid, Tag("both")] | Annotated[TowerFactors, Tag("per tower")],
    Discriminator(_form),
]
"""One value, a list, or either for each tower: `{image: 0.02, text: [0.02, 0.05]}`."""


class EditMethod(Settings):
    """What editing methods share: a name, layers, and factors to multiply by.

    A list instead of one value is a grid: the point is chosen on the validation pairs.
    """

    name: Name
    base: str | None = Field(
        None,
        description="the name of the `checkpoint` or `safe_clip` method whose weights it edits",
    )
    alpha: Factors = (-1.0,)
    roles: TowerRoles
    blocks: TowerBlocks = TowerBlocks()

    @property
    @abstractmethod
    def shares(self) -> tuple[float, ...] | TowerShares:
        """Under whatever key the method has them."""

    def points(self, tower: Tower) -> tuple[tuple[float, float], ...]:
        """Every (share, alpha) to try in a tower; none where it is left alone."""
        if not getattr(self.roles, tower):
            return ()
        shares, factors = self.shares, self.alpha
        return tuple(
            product(
                getattr(shares, tower) if isinstance(shares, TowerShares) else shares,
                getattr(factors, tower) if isinstance(factors, TowerFactors) else factors,
            )
        )

    @property
    def chooses(self) -> bool:
        """Whether there is more than one point to try in some tower."""
        return any(len(self.points(tower)) > 1 for tower in TOWERS)


class Uwm(EditMethod):
    """Unsafe Weights Manipulation; the defaults are the paper's."""

    kind: Literal["uwm"]
    name: Name = "uwm"
    tau: Shares = (0.02,)
    score: ScoreKind = "ratio"
    selection: WeightRule = "mass"
    roles: TowerRoles = TowerRoles(image=("fc2",), text=("out",))
    prior: TowerPrior = TowerPrior()
    part: Subset | None = Field(None, description="calibration pairs to score with; else all")

    @property
    def shares(self) -> tuple[float, ...] | TowerShares:
        return self.tau


class Neurons(EditMethod):
    """Neuron negation: whole input nodes, ranked by how much more they fire on unsafe content."""

    kind: Literal["neurons"]
    name: Name = "neurons"
    share: Shares = (0.1,)
    score: NodeScoreKind = "ratio"
    scope: Scope = Field("block", description="what the share is of: each block, or the tower")
    roles: TowerRoles = TowerRoles(image=("fc2",), text=("fc2",))
    part: Subset | None = Field(None, description="calibration pairs to score with; else all")

    @property
    def shares(self) -> tuple[float, ...] | TowerShares:
        return self.share


class TowerRules(Settings):
    """How weights are selected by their scores, per tower."""

    image: WeightRule
    text: WeightRule


class GradientMethod(EditMethod):
    """A baseline of UWM's authors: weights that a loss is most sensitive to are set to zero.

    Scores depend on the batch size of the gradients, which the audit's own does not touch.
    """

    kind: GradientKind
    tau: Shares
    alpha: Factors = (0.0,)
    selection: TowerRules
    roles: TowerRoles = TowerRoles(image=("fc2",), text=("out",))
    batch_size: int = Field(64, ge=1, description="pairs per gradient; scores depend on it")

    @property
    def shares(self) -> tuple[float, ...] | TowerShares:
        return self.tau


class GUnsafe(GradientMethod):
    """G-Unsafe: weights that tell the other tower's safe partition from its unsafe one."""

    kind: Literal["g_unsafe"]
    name: Name = "g_unsafe"
    tau: Shares = (0.035,)
    selection: TowerRules = TowerRules(image="mass", text="count")


class GSafeClip(GradientMethod):
    """G-Safe-CLIP: weights that Safe-CLIP's training losses would change most."""

    kind: Literal["g_safe_clip"]
    name: Name = "g_safe_clip"
    tau: Shares = (0.005,)
    selection: TowerRules = TowerRules(image="count", text="count")


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


EditMethodConfig = Uwm | Neurons | GUnsafe | GSafeClip
MethodConfig = Annotated[
    Original | EditMethodConfig | Checkpoint | SafeClip | RandomControl,
    Field(discriminator="kind"),
]
