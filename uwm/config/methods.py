"""What an audit compares: the original, edits and their controls."""

from __future__ import annotations

from itertools import product
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from uwm.config.settings import Factor, Name, Settings, Share
from uwm.layers import Role

ScoreKind = Literal["ratio", "unsafe_only", "difference"]
GradientKind = Literal["g_unsafe", "g_safe_clip"]
"""Which loss a gradient is of, see `uwm.gradients`."""
WeightRule = Literal["mass", "count"]
Roles = tuple[Role, ...]


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
    """What editing methods share: a name, layers, and factors to multiply by.

    A list instead of one value is a grid: the point is chosen on the validation pairs.
    """

    name: Name
    alpha: FactorGrid = (-1.0,)
    roles: TowerRoles


class Uwm(EditMethod):
    """Unsafe Weights Manipulation; the defaults are the paper's."""

    kind: Literal["uwm"]
    name: Name = "uwm"
    tau: ShareGrid = (0.02,)
    score: ScoreKind = "ratio"
    selection: WeightRule = "mass"
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


class TowerRules(Settings):
    """How weights are selected by their scores, per tower."""

    image: WeightRule
    text: WeightRule


class GradientMethod(EditMethod):
    """A baseline of UWM's authors: weights that a loss is most sensitive to are set to zero.

    Scores depend on the batch size of the gradients, which the audit's own does not touch.
    """

    kind: GradientKind
    tau: ShareGrid
    alpha: FactorGrid = (0.0,)
    selection: TowerRules
    roles: TowerRoles = TowerRoles(image=("fc2",), text=("out",))
    batch_size: int = Field(64, ge=1, description="pairs per gradient; scores depend on it")

    @property
    def grid(self) -> tuple[tuple[float, float], ...]:
        """Every (tau, alpha) to try."""
        return tuple(product(self.tau, self.alpha))


class GUnsafe(GradientMethod):
    """G-Unsafe: weights that tell the other tower's safe partition from its unsafe one."""

    kind: Literal["g_unsafe"]
    name: Name = "g_unsafe"
    tau: ShareGrid = (0.035,)
    selection: TowerRules = TowerRules(image="mass", text="count")


class GSafeClip(GradientMethod):
    """G-Safe-CLIP: weights that Safe-CLIP's training losses would change most."""

    kind: Literal["g_safe_clip"]
    name: Name = "g_safe_clip"
    tau: ShareGrid = (0.005,)
    selection: TowerRules = TowerRules(image="count", text="count")


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
MethodConfig = Annotated[Original | EditMethodConfig | RandomControl, Field(discriminator="kind")]
