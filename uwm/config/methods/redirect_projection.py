"""`redirect_projection`, a closed-form edit of a tower's final projection, see form B of
`uwm.method.redirect`."""

from __future__ import annotations

from itertools import product
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from uwm.config.methods.redirect import KEEP, RIDGE, PositiveGrid, Redirection
from uwm.config.methods.requests import PairMoments, ProjectionPoint
from uwm.config.settings import Name
from uwm.config.towers import PerTower, Roles, as_tuple
from uwm.families import Tower

Push = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
PushGrid = Annotated[tuple[Push, ...], BeforeValidator(as_tuple), Field(min_length=1)]


def _each_once(towers: tuple[Tower, ...]) -> tuple[Tower, ...]:
    if len(set(towers)) < len(towers):
        raise ValueError(f"a tower is named once; got {', '.join(towers)}")
    return towers


class RedirectProjection(Redirection):
    """Closed-form redirection behind a tower: its final projection is changed so that unsafe
    embeddings come to lie where their safe pairs' are, and all others stay. See docs/redirect.md.

    It is made from embeddings alone, so that a grid costs no further pass over the pairs.
    """

    kind: Literal["redirect_projection"]
    name: Name = "redirect_projection"
    towers: Annotated[tuple[Tower, ...], Field(min_length=1), AfterValidator(_each_once)] = Field(
        ("text",), description="the towers whose final projections are changed"
    )
    keep: PositiveGrid = Field((10.0,), description=KEEP)
    ridge: PositiveGrid = Field((0.001,), description=RIDGE)
    push: PushGrid = Field(
        (0.4,),
        description="how far unsafe embeddings are led away from where the other tower's lie on "
        "average, on top of leading them to their safe pairs; 0 is not at all",
    )

    @property
    def roles(self) -> PerTower[Roles]:
        """None: no layer of a block is edited."""
        return PerTower[Roles](image=(), text=())

    def request(self, tower: Tower) -> PairMoments:
        return self._request(tower, "projection")

    def points(self, tower: Tower) -> tuple[ProjectionPoint, ...]:
        if tower not in self.towers:
            return ()
        grid = product(self.strength, self.keep, self.ridge, self.push)
        return tuple(ProjectionPoint(*point) for point in grid)
