"""What methods and grids share: names of scores, and settings that either tower has its own of."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from uwm.config.settings import Factor, Settings, Share
from uwm.families import Blocks, Role

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
"""What ranks an MLP neuron, see `uwm.method.scoring.NodeScore`."""
Scope = Literal["block", "tower"]
"""Whether a share is of every layer's nodes, or of all layers' nodes together."""
GradientKind = Literal["g_unsafe", "g_safe_clip"]
"""Which loss a gradient is of, see `uwm.method.gradients`."""
WeightRule = Literal["mass", "count"]
Roles = tuple[Role, ...]


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
