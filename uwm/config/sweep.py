"""What a sweep tries: grids of settings per tower, each combination of them one edit."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from itertools import product
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from uwm.config.grids import numbers
from uwm.config.methods import EditMethod, Neurons, Uwm, check_mass
from uwm.config.settings import Factor, Settings, Share
from uwm.config.subset import Subset
from uwm.config.towers import (
    NodeScoreKind,
    PerTower,
    Roles,
    Scope,
    ScoreKind,
    WeightRule,
    filled,
)
from uwm.families import TOWERS, Blocks, Tower

Shares = Annotated[tuple[Share, ...], BeforeValidator(numbers), Field(min_length=1)]
Factors = Annotated[tuple[Factor, ...], BeforeValidator(numbers), Field(min_length=1)]
Sizes = tuple[Annotated[int, Field(ge=1)], ...]


def _some_roles(grid: PerTower[tuple[Roles, ...]]) -> PerTower[tuple[Roles, ...]]:
    if not grid.image and not grid.text:
        raise ValueError("name at least one set of roles in one tower")
    if any(not roles for roles in (*grid.image, *grid.text)):
        raise ValueError("a set of roles has at least one; [] in its place leaves a tower alone")
    return grid


RolesGrid = Annotated[PerTower[tuple[Roles, ...]], AfterValidator(_some_roles)]
"""Sets of roles to try in each tower; an empty list leaves the tower alone."""
BlocksGrid = Annotated[PerTower[tuple[Blocks, ...]], filled(image=("all",), text=("all",))]
"""Blocks to try in each tower, each as in a method."""
PriorGrid = Annotated[PerTower[tuple[bool, ...]], filled(image=(False,), text=(True,))]
"""Whether scores are multiplied by the weight's magnitude, in each tower."""


class TowerPoint(NamedTuple):
    """One tower's settings."""

    roles: Roles
    blocks: Blocks
    prior: bool
    share: float
    alpha: float


class Common(NamedTuple):
    """Settings that both towers share: the score, how it selects, and by which pairs."""

    score: str
    rule: str
    part: Subset | None


class Sweep(Settings):
    """What every sweep has.

    Attributes:
        towers: `cross` measures every image edit with every text edit, and each alone; `same`
            only those at the same place of both grids.
        sizes: calibration pairs per concept; all of them where none is given.
        seeds: of the sample, where sizes are given.
        controls: random edits of the same size for every edit of a tower.
    """

    towers: Literal["cross", "same"] = "cross"
    alpha: Factors = (-1.0,)
    roles: RolesGrid
    blocks: BlocksGrid = PerTower[tuple[Blocks, ...]](image=("all",), text=("all",))
    sizes: Sizes = ()
    seeds: tuple[int, ...] = Field((0,), min_length=1)
    controls: int = Field(0, ge=0, le=20)

    @property
    @abstractmethod
    def shares(self) -> tuple[float, ...]:
        """Under whatever key the sweep has them."""

    @property
    @abstractmethod
    def rules(self) -> Iterator[tuple[str, str]]:
        """Every (score, way to select)."""

    @abstractmethod
    def method(
        self, common: Common, image: TowerPoint | None, text: TowerPoint | None
    ) -> EditMethod:
        """The method of an audit that makes one row's edits, in one tower at least."""

    def priors(self, tower: Tower) -> tuple[bool, ...]:
        """Of a tower's scores."""
        return (False,)

    @model_validator(mode="after")
    def _aligned(self) -> Self:
        if set(self.alpha) == {1}:
            raise ValueError("alpha 1 alone leaves every weight as it is; name others, too")
        image, text = (len(self.points(tower)) for tower in TOWERS)
        if self.towers == "same" and image and text and image != text:
            raise ValueError(
                f"towers: same pairs the grids place by place; image has {image} and text {text}"
            )
        return self

    def points(self, tower: Tower) -> tuple[TowerPoint, ...]:
        """Every edit to try in a tower. Alpha 1 is the original, which every sweep measures."""
        return tuple(
            TowerPoint(*values)
            for values in product(
                self.roles[tower],
                self.blocks[tower],
                self.priors(tower),
                self.shares,
                [alpha for alpha in self.alpha if alpha != 1],
            )
        )

    def common(self) -> tuple[Common, ...]:
        """Every combination of what the towers share."""
        parts: list[Subset | None] = [
            Subset(per_concept=size, seed=seed) for size in self.sizes for seed in self.seeds
        ]
        return tuple(Common(*rule, part) for rule, part in product(self.rules, parts or [None]))


class UwmSweep(Sweep):
    """A sweep of `uwm`; the defaults are the paper's settings."""

    kind: Literal["uwm"]
    tau: Shares = (0.02,)
    score: tuple[ScoreKind, ...] = Field(("ratio",), min_length=1)
    selection: tuple[WeightRule, ...] = Field(("mass",), min_length=1)
    roles: RolesGrid = PerTower[tuple[Roles, ...]](image=(("fc2",),), text=(("out",),))
    prior: PriorGrid = PerTower[tuple[bool, ...]](image=(False,), text=(True,))

    @model_validator(mode="after")
    def _has_mass(self) -> Self:
        check_mass(self.score, self.selection)
        return self

    @property
    def shares(self) -> tuple[float, ...]:
        return self.tau

    @property
    def rules(self) -> Iterator[tuple[str, str]]:
        return product(self.score, self.selection)

    def priors(self, tower: Tower) -> tuple[bool, ...]:
        return self.prior[tower]

    def method(
        self, common: Common, image: TowerPoint | None, text: TowerPoint | None
    ) -> EditMethod:
        return Uwm.model_validate(
            {
                "kind": "uwm",
                "score": common.score,
                "selection": common.rule,
                "prior": {
                    "image": bool(image and image.prior),
                    "text": text.prior if text else True,
                },
                "tau": _shares(image, text),
                **_rest(common, image, text),
            }
        )


class NeuronsSweep(Sweep):
    """A sweep of `neurons`."""

    kind: Literal["neurons"]
    share: Shares = (0.06,)
    alpha: Factors = (-2.0,)
    score: tuple[NodeScoreKind, ...] = Field(("standardized",), min_length=1)
    scope: tuple[Scope, ...] = Field(("tower",), min_length=1)
    roles: RolesGrid = PerTower[tuple[Roles, ...]](image=(("fc2",),), text=(("fc2",),))

    @property
    def shares(self) -> tuple[float, ...]:
        return self.share

    @property
    def rules(self) -> Iterator[tuple[str, str]]:
        return product(self.score, self.scope)

    def method(
        self, common: Common, image: TowerPoint | None, text: TowerPoint | None
    ) -> EditMethod:
        return Neurons.model_validate(
            {
                "kind": "neurons",
                "score": common.score,
                "scope": common.rule,
                "share": _shares(image, text),
                **_rest(common, image, text),
            }
        )


SweepSettings = Annotated[UwmSweep | NeuronsSweep, Field(discriminator="kind")]


def _shares(image: TowerPoint | None, text: TowerPoint | None) -> dict[str, float]:
    """A tower that is left alone gets the other's, which then means nothing."""
    either = _either(image, text)
    return {"image": (image or either).share, "text": (text or either).share}


def _rest(common: Common, image: TowerPoint | None, text: TowerPoint | None) -> dict[str, object]:
    either = _either(image, text)
    return {
        "alpha": {"image": (image or either).alpha, "text": (text or either).alpha},
        "roles": {"image": image.roles if image else (), "text": text.roles if text else ()},
        "blocks": {
            "image": image.blocks if image else "all",
            "text": text.blocks if text else "all",
        },
        "part": common.part,
    }


def _either(image: TowerPoint | None, text: TowerPoint | None) -> TowerPoint:
    return next(point for point in (image, text) if point is not None)
