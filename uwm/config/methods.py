"""What an audit compares: the original, edits and their controls."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from itertools import product
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from uwm.config.settings import Factor, Name, Settings, Share
from uwm.layers import ROLES, TOWERS, Blocks, LayerId, Role, Tower

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
    selection: Literal["mass", "count"] = "mass"
    roles: TowerRoles = TowerRoles(image=("fc2",), text=("out",))
    prior: TowerPrior = TowerPrior()

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

    @property
    def shares(self) -> tuple[float, ...] | TowerShares:
        return self.share


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
        """How a layer's share is taken, see `uwm.selection`."""
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


MethodConfig = Annotated[
    Original | Uwm | Neurons | Layerwise | RandomControl, Field(discriminator="kind")
]
