"""Unsafe Weights Manipulation, the paper's method."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from uwm.config.methods.base import GridMethod, check_mass
from uwm.config.methods.requests import Selection, StatisticsScore
from uwm.config.settings import Name
from uwm.config.subset import Subset
from uwm.config.towers import (
    DEFAULT_PRIORS,
    EditedRoles,
    PerTower,
    Priors,
    Roles,
    ScoreKind,
    Shares,
    WeightRule,
)
from uwm.families import Tower


class Uwm(GridMethod):
    """Unsafe Weights Manipulation; the defaults are the paper's."""

    kind: Literal["uwm"]
    name: Name = "uwm"
    tau: Shares = (0.02,)
    score: ScoreKind = "ratio"
    selection: WeightRule = "mass"
    roles: EditedRoles = PerTower[Roles](image=("fc2",), text=("out",))
    prior: Priors = DEFAULT_PRIORS
    part: Subset | None = Field(None, description="calibration pairs to score with; all by default")

    @model_validator(mode="after")
    def _has_mass(self) -> Self:
        check_mass((self.score,), (self.selection,))
        return self

    @property
    def shares(self) -> Shares:
        return self.tau

    def request(self, tower: Tower) -> StatisticsScore:
        return StatisticsScore("weight", self.score, self.prior[tower], self.part)

    def selected_by(self, tower: Tower) -> Selection:
        return Selection(self.selection)
