"""Settings with a value per tower, and the names of scores, selections and scopes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from uwm.config.settings import Factor, Settings, Share
from uwm.families import Blocks, Role, Tower

T = TypeVar("T")

ScoreKind = Literal["ratio", "unsafe_only", "difference"]
NodeScoreKind = Literal[
    "ratio",
    "log_ratio",
    "ratio_of_means",
    "difference",
    "standardized",
    "flow_ratio",
]
"""What ranks an MLP neuron, see `uwm.method.scoring.NodeScore`."""
Scope = Literal["block", "tower"]
"""Whether a share is taken of each layer's nodes, or of the nodes of all layers together."""
GradientKind = Literal["g_unsafe", "g_safe_clip"]
"""The loss whose gradient scores weights, see `uwm.method.gradients`."""
WeightRule = Literal["mass", "count"]
Roles = tuple[Role, ...]


class PerTower(Settings, Generic[T]):
    """A setting with one value per tower, `{image: ..., text: ...}`.

    Example:
        >>> PerTower[int](image=1, text=2)["text"]
        2
    """

    image: T
    text: T

    def __getitem__(self, tower: Tower) -> T:
        return self.image if tower == "image" else self.text


def filled(image: Any, text: Any) -> BeforeValidator:
    """A validator for a `PerTower` that fills in these defaults for a tower without a value."""

    def fill(value: object) -> object:
        return {"image": image, "text": text, **value} if isinstance(value, Mapping) else value

    return BeforeValidator(fill)


def _some_role(roles: PerTower[Roles]) -> PerTower[Roles]:
    if not roles.image and not roles.text:
        raise ValueError("there is nothing to edit; name at least one role in one tower")
    return roles


EditedRoles = Annotated[PerTower[Roles], AfterValidator(_some_role)]
"""Which layers to edit in each tower; an empty list leaves the tower unedited."""
Priors = Annotated[PerTower[bool], filled(image=False, text=True)]
"""Whether scores are multiplied by the weight's magnitude, per tower."""
EditedBlocks = Annotated[PerTower[Blocks], filled(image="all", text="all")]
"""Which blocks to edit per tower: `all`, `early`, `late` (halves), or by number from 0."""
DEFAULT_PRIORS = PerTower[bool](image=False, text=True)
ALL_BLOCKS = PerTower[Blocks](image="all", text="all")


def as_tuple(value: object) -> object:
    """A single value as a tuple of one; a list or tuple is returned unchanged."""
    return value if isinstance(value, list | tuple) else (value,)


def _changes(alpha: float) -> float:
    if alpha == 1:
        raise ValueError(
            "alpha 1 leaves every weight unchanged, and `original` already measures that; "
            "leave it out"
        )
    return alpha


MethodFactor = Annotated[Factor, AfterValidator(_changes)]
"""The factor that selected weights are multiplied by."""
ShareGrid = Annotated[tuple[Share, ...], BeforeValidator(as_tuple), Field(min_length=1)]
FactorGrid = Annotated[tuple[MethodFactor, ...], BeforeValidator(as_tuple), Field(min_length=1)]


def form(value: object) -> str:
    """Whether a setting is given per tower or once for both: the discriminator of such a union."""
    return "per tower" if isinstance(value, Mapping | PerTower) else "both"


Shares = Annotated[
    Annotated[ShareGrid, Tag("both")] | Annotated[PerTower[ShareGrid], Tag("per tower")],
    Discriminator(form),
]
MethodFactors = Annotated[
    Annotated[FactorGrid, Tag("both")] | Annotated[PerTower[FactorGrid], Tag("per tower")],
    Discriminator(form),
]
"""One value or a list, for both towers or per tower: `{image: 0.02, text: [0.02, 0.05]}`."""
