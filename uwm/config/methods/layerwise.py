"""A share and a factor for each layer, as a search finds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator

from uwm.config.methods.base import EditMethod, check_mass
from uwm.config.methods.requests import EditPoint, LayerPoints, Rule, Selection, StatisticsScore
from uwm.config.settings import Name, Share
from uwm.config.towers import (
    DEFAULT_PRIORS,
    MethodFactor,
    NodeScoreKind,
    PerTower,
    Priors,
    Roles,
    ScoreKind,
    WeightRule,
)
from uwm.families import ROLES, TOWERS, Tower
from uwm.layers import LayerId


def _layer(name: str) -> str:
    id = LayerId.parse(name)
    if str(id) != name:
        raise ValueError(f"the block of a layer has two digits, as in {id}; got {name!r}")
    return name


LayerName = Annotated[str, AfterValidator(_layer)]
"""A layer as results name it: `image.03.fc2`."""


class Layerwise(EditMethod):
    """A separate share and factor for each layer, as `uwm search` finds them.

    Layers that are not named are not edited.
    """

    roles_key: ClassVar[str] = "settings"
    kind: Literal["layerwise"]
    name: Name = "layerwise"
    unit: Literal["weight", "node"] = "weight"
    score: ScoreKind | NodeScoreKind = "ratio"
    selection: WeightRule = Field("mass", description="how weights are selected")
    prior: Priors = Field(
        DEFAULT_PRIORS, description="whether scores of weights are multiplied by their magnitude"
    )
    settings: Mapping[LayerName, tuple[Share, MethodFactor]] = Field(
        min_length=1, description="share (or tau) and factor by layer"
    )

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        kinds = get_args(ScoreKind if self.unit == "weight" else NodeScoreKind)
        if self.score not in kinds:
            raise ValueError(
                f"the score of {self.unit}s must be one of {', '.join(kinds)}; got {self.score!r}"
            )
        if self.unit == "weight":
            check_mass((self.score,), (self.selection,))
        return self

    @property
    def rule(self) -> Rule:
        """How a layer's share is selected, see `uwm.method.selection`."""
        return "nodes" if self.unit == "node" else self.selection

    @property
    def roles(self) -> PerTower[Roles]:
        """The roles of the named layers in each tower."""
        image, text = (
            tuple(role for role in ROLES if role in {id.role for id in self.layers(tower)})
            for tower in TOWERS
        )
        return PerTower[Roles](image=image, text=text)

    @property
    def rescored(self) -> bool:
        """No: its points were chosen layer by layer for these scores."""
        return False

    def layers(self, tower: Tower) -> dict[LayerId, EditPoint]:
        """Share and factor of each edited layer of a tower."""
        named = {LayerId.parse(name): EditPoint(*point) for name, point in self.settings.items()}
        return {id: point for id, point in named.items() if id.tower == tower}

    def request(self, tower: Tower) -> StatisticsScore:
        prior = self.unit == "weight" and self.prior[tower]
        return StatisticsScore(self.unit, self.score, prior)

    def selected_by(self, tower: Tower) -> Selection:
        return Selection(self.rule)

    def points(self, tower: Tower) -> tuple[LayerPoints, ...]:
        layers = self.layers(tower)
        return (LayerPoints(layers),) if layers else ()
