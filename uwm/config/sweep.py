"""Settings of a sweep: grids per tower, of which every combination is one edit."""

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
        raise ValueError("there is nothing to edit; name at least one set of roles in one tower")
    if any(not roles for roles in (*grid.image, *grid.text)):
        raise ValueError(
            "a set of roles must not be empty; to leave a tower unedited, give [] instead of sets"
        )
    return grid


RolesGrid = Annotated[PerTower[tuple[Roles, ...]], AfterValidator(_some_roles)]
"""Sets of roles to try in each tower; an empty list leaves the tower unedited."""
BlocksGrid = Annotated[PerTower[tuple[Blocks, ...]], filled(image=("all",), text=("all",))]
"""Blocks to try in each tower, given as for a method."""
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
    """Settings that both towers share: the score, the selection rule and the calibration pairs."""

    score: str
    rule: str
    part: Subset | None


class Sweep(Settings):
    """Settings of every sweep.

    Attributes:
        towers: `cross` measures every image edit with every text edit, and each alone; `same`
            combines only edits at the same position of both grids.
        sizes: numbers of calibration pairs per concept to try; all pairs if empty.
        seeds: seeds of the samples of these sizes.
        controls: number of random edits of the same size for every edit of a tower.
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
        """The shares to try, whatever the sweep's key for them is."""

    @property
    @abstractmethod
    def rules(self) -> Iterator[tuple[str, str]]:
        """Every combination of a score and a selection rule."""

    @abstractmethod
    def method(
        self, common: Common, image: TowerPoint | None, text: TowerPoint | None
    ) -> EditMethod:
        """The method of an audit that makes the edits of one row; one tower may be None."""

    def priors(self, tower: Tower) -> tuple[bool, ...]:
        """Whether to multiply a tower's scores by weight magnitude: every value to try."""
        return (False,)

    @model_validator(mode="after")
    def _aligned(self) -> Self:
        if set(self.alpha) == {1}:
            raise ValueError("alpha 1 alone leaves every weight unchanged; add other values")
        image, text = (len(self.points(tower)) for tower in TOWERS)
        if self.towers == "same" and image and text and image != text:
            raise ValueError(
                "`towers: same` needs grids of equal length in both towers; image has "
                f"{image} points and text {text}"
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
    """The share of each tower; an unedited tower gets the other's value, which has no effect."""
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
