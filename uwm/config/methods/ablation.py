"""Directional ablation, a rival in closed form, and its control."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from uwm.config.methods.base import EditMethod
from uwm.config.methods.redirect import PositiveGrid
from uwm.config.methods.redirect_controls import RedirectControl
from uwm.config.methods.requests import AblationPoint, Misleading, StreamMeans
from uwm.config.settings import Name
from uwm.config.towers import ALL_BLOCKS, EditedBlocks, EditedRoles, PerTower, Roles
from uwm.families import TOWERS, Blocks, Tower

_WRITERS: Roles = ("out", "fc2")


def _writers(roles: PerTower[Roles]) -> PerTower[Roles]:
    if others := sorted({role for tower in TOWERS for role in roles[tower]} - {*_WRITERS}):
        raise ValueError(
            "a direction is ablated in what writes into the residual stream, out and fc2; "
            f"got {', '.join(others)}"
        )
    return roles


class Ablation(EditMethod):
    """Directional ablation: of the blocks' outputs the direction from mean safe to mean unsafe
    content is taken out, block by block (Arditi et al. 2024, arXiv 2406.11717).

    A list of strengths is a grid: the point is chosen on the validation pairs.
    """

    misleading: ClassVar[tuple[Misleading, ...]] = ("one way",)
    kind: Literal["ablation"]
    name: Name = "ablation"
    strength: PositiveGrid = Field(
        (1.0,), description="1 takes out all that is written that way; more writes the opposite"
    )
    orthogonal: bool = Field(
        True, description="leave out what of the direction lies along mean safe content"
    )
    roles: Annotated[EditedRoles, AfterValidator(_writers)] = PerTower[Roles](
        image=(), text=_WRITERS
    )
    blocks: EditedBlocks = ALL_BLOCKS

    def request(self, tower: Tower) -> StreamMeans:
        return StreamMeans(self.orthogonal)

    def points(self, tower: Tower) -> tuple[AblationPoint, ...]:
        if not self.roles[tower]:
            return ()
        return tuple(AblationPoint(strength) for strength in self.strength)

    def blocks_of(self, tower: Tower) -> Blocks:
        return self.blocks[tower]


class RandomDirection(RedirectControl):
    """A random direction per block is ablated in place of the unsafe one, as strongly."""

    leads: ClassVar[Misleading] = "one way"
    kind: Literal["random_direction"]
