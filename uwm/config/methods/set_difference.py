"""Set difference: weights that unsafe content needs and safe content does not."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from uwm.config.methods.base import GridMethod
from uwm.config.methods.requests import Selection, StatisticsScore
from uwm.config.settings import Name, Share
from uwm.config.subset import Subset
from uwm.config.towers import EditedRoles, MethodFactors, PerTower, Roles, Shares
from uwm.families import Tower


class SetDifference(GridMethod):
    """Weights among the most salient on unsafe content and not on safe content, set to zero.

    This is the rule of Wei et al. (2024, arXiv 2402.05162) with the UWM paper's saliency (Eq. 9)
    on each partition: the share `spared` of a layer's weights that is most salient on safe content
    is never edited; of the rest, the top share `tau` on unsafe content is multiplied by `alpha`.
    """

    kind: Literal["set_difference"]
    name: Name = "set_difference"
    tau: Shares = (0.02,)
    spared: Share = Field(0.1, description="share of each layer's weights that no edit touches")
    alpha: MethodFactors = (0.0,)
    roles: EditedRoles = PerTower[Roles](image=("fc2",), text=("out",))
    part: Subset | None = Field(None, description="calibration pairs to score with; all by default")

    @model_validator(mode="after")
    def _apart(self) -> Self:
        taus = self.tau if isinstance(self.tau, tuple) else (*self.tau.image, *self.tau.text)
        if (most := max(taus)) + self.spared >= 1:
            raise ValueError(
                "`tau` and `spared` are disjoint shares of a layer's weights, so their sum must be "
                f"below 1; got {most} and {self.spared}"
            )
        return self

    @property
    def shares(self) -> Shares:
        return self.tau

    def request(self, tower: Tower) -> StatisticsScore:
        return StatisticsScore("weight", "unsafe_only", part=self.part, spared=self.spared)

    def selected_by(self, tower: Tower) -> Selection:
        return Selection("count")
