"""Neuron negation, the project's own method."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from uwm.config.methods.base import GridMethod
from uwm.config.methods.requests import Selection, StatisticsScore
from uwm.config.settings import Name
from uwm.config.subset import Subset
from uwm.config.towers import (
    EditedRoles,
    MethodFactors,
    NodeScoreKind,
    PerTower,
    Roles,
    Scope,
    Shares,
)
from uwm.families import Tower


class Neurons(GridMethod):
    """Neuron negation: edits input nodes, ranked by how much more they fire on unsafe content.

    The defaults are what worked best on the demo's validation pairs, see docs/neurons.md.
    """

    kind: Literal["neurons"]
    name: Name = "neurons"
    alpha: MethodFactors = (-2.0,)
    share: Shares = (0.06,)
    score: NodeScoreKind = "standardized"
    scope: Scope = Field("tower", description="what the share is taken of")
    roles: EditedRoles = PerTower[Roles](image=("fc2",), text=("fc2",))
    part: Subset | None = Field(None, description="calibration pairs to score with; all by default")

    @property
    def shares(self) -> Shares:
        return self.share

    def request(self, tower: Tower) -> StatisticsScore:
        return StatisticsScore("node", self.score, part=self.part)

    def selected_by(self, tower: Tower) -> Selection:
        return Selection("nodes", self.scope)
