"""What an audit compares: the original, edits and their controls."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator

from uwm.config.settings import Factor, Name, Settings, Share
from uwm.config.subset import Subset
from uwm.config.towers import (
    Factors,
    GradientKind,
    NodeScoreKind,
    Scope,
    ScoreKind,
    Shares,
    TowerBlocks,
    TowerFactors,
    TowerPrior,
    TowerRoles,
    TowerShares,
    WeightRule,
)
from uwm.config.weights import Checkpoint, SafeClip
from uwm.families import ROLES, TOWERS, Tower
from uwm.layers import LayerId


class Original(Settings):
    """The backbone as it is. Always part of an audit, named or not."""

    kind: Literal["original"]

    @property
    def name(self) -> str:
        return "original"


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


def check_mass(scores: Sequence[str], selections: Sequence[str]) -> None:
    """Raise ValueError where scores that can be negative are to be selected by their mass."""
    if "difference" in scores and "mass" in selections:
        raise ValueError(
            "difference scores can be negative, so they have no mass; select them by `count`"
        )


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

    @model_validator(mode="after")
    def _has_mass(self) -> Self:
        check_mass((self.score,), (self.selection,))
        return self

    @property
    def shares(self) -> tuple[float, ...] | TowerShares:
        return self.tau


class Neurons(EditMethod):
    """Neuron negation: whole input nodes, ranked by how much more they fire on unsafe content.

    The defaults are what worked best on the demo's validation pairs, see docs/neurons.md.
    """

    kind: Literal["neurons"]
    name: Name = "neurons"
    alpha: Factors = (-2.0,)
    share: Shares = (0.06,)
    score: NodeScoreKind = "standardized"
    scope: Scope = Field("tower", description="what the share is of: each block, or the tower")
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


def _layer(name: str) -> str:
    id = LayerId.parse(name)
    if str(id) != name:
        raise ValueError(f"a block has two digits, as in {id}; got {name!r}")
    return name


LayerName = Annotated[str, AfterValidator(_layer)]
"""A layer as results name it: `image.03.fc2`."""


class Layerwise(Settings):
    """A share and a factor for each layer by itself, as `uwm search` finds them.

    A layer that is not named stays as it is.
    """

    kind: Literal["layerwise"]
    name: Name = "layerwise"
    base: str | None = Field(None, description="as of other editing methods")
    unit: Literal["weight", "node"] = "weight"
    score: ScoreKind | NodeScoreKind = "ratio"
    selection: Literal["mass", "count"] = Field("mass", description="of weights")
    prior: TowerPrior = Field(TowerPrior(), description="of scores of weights")
    settings: Mapping[LayerName, tuple[Share, Factor]] = Field(
        min_length=1, description="share (or tau) and factor by layer"
    )

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        kinds = get_args(ScoreKind if self.unit == "weight" else NodeScoreKind)
        if self.score not in kinds:
            raise ValueError(
                f"a score of {self.unit}s is one of {', '.join(kinds)}; got {self.score!r}"
            )
        return self

    @property
    def rule(self) -> Literal["mass", "count", "nodes"]:
        """How a layer's share is taken, see `uwm.method.selection`."""
        return "nodes" if self.unit == "node" else self.selection

    @property
    def roles(self) -> TowerRoles:
        """Which roles the named layers have in either tower."""
        image, text = (
            tuple(role for role in ROLES if role in {id.role for id in self.layers(tower)})
            for tower in TOWERS
        )
        return TowerRoles(image=image, text=text)

    @property
    def chooses(self) -> bool:
        """Never: it is one point."""
        return False

    def layers(self, tower: Tower) -> dict[LayerId, tuple[float, float]]:
        """Share and factor of a tower's layers that are edited."""
        found = {LayerId.parse(name): point for name, point in self.settings.items()}
        return {id: point for id, point in found.items() if id.tower == tower}


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


EditMethodConfig = Uwm | Neurons | Layerwise | GUnsafe | GSafeClip
MethodConfig = Annotated[
    Original | EditMethodConfig | Checkpoint | SafeClip | RandomControl,
    Field(discriminator="kind"),
]
