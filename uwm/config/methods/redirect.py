"""`redirect`, a closed-form edit of one layer, see form A of `uwm.method.redirect`."""

from __future__ import annotations

from itertools import product
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from uwm.config.methods.base import EditMethod
from uwm.config.methods.requests import PairMoments, RedirectPoint
from uwm.config.settings import Name, Settings
from uwm.config.subset import Subset
from uwm.config.towers import EditedRoles, PerTower, Roles, as_tuple
from uwm.config.zeroshot import ZeroShotConfig
from uwm.families import TOWERS, Tower

Positive = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
PositiveGrid = Annotated[tuple[Positive, ...], BeforeValidator(as_tuple), Field(min_length=1)]
"""One value, or a list to choose from."""

KEEP = "how much content that must not move counts beside content that is led away"
RIDGE = "how strongly the solution is held small, in units of the mean second moment"


def _into_the_stream(roles: PerTower[Roles]) -> PerTower[Roles]:
    if others := sorted({role for tower in TOWERS for role in roles[tower]} - {"fc2"}):
        raise ValueError(
            "a redirection needs a layer whose output is added to the residual stream behind its "
            f"block, which is fc2; got {', '.join(others)}"
        )
    return roles


class Preserve(Settings):
    """What a redirection must leave where it is, besides the safe content of the pairs."""

    words: bool = Field(
        True,
        description="phrases of the words of the safe captions; for the text tower",
    )
    phrases: tuple[str, ...] = Field((), description="further texts; for the text tower")
    sets: tuple[ZeroShotConfig, ...] = Field(
        (),
        description="zero-shot sets that the audit does not measure: prompts for the text tower, "
        "pictures for the image tower",
    )


class Redirection(EditMethod):
    """What both forms of redirection have in common.

    A list instead of one value is a grid: the point is chosen on the validation pairs.
    """

    strength: PositiveGrid = Field(
        (1.0,),
        description="how far unsafe content is led: 1 is to its safe pair, as well as a linear map "
        "can, and more overshoots",
    )
    keep: PositiveGrid = Field((1.0,), description=KEEP)
    ridge: PositiveGrid = Field((0.01,), description=RIDGE)
    preserve: Preserve = Preserve()
    part: Subset | None = Field(
        None, description="the calibration pairs to make it from; all of them by default"
    )

    def _request(self, tower: Tower, block: Literal["last", "projection"] | int) -> PairMoments:
        text = tower == "text"
        return PairMoments(
            block,
            words=text and self.preserve.words,
            phrases=self.preserve.phrases if text else (),
            sets=self.preserve.sets,
            part=self.part,
        )


class Redirect(Redirection):
    """Closed-form redirection: one layer's weight is changed so that unsafe content comes to lie
    where its safe pair is, and all else stays. See docs/redirect.md."""

    kind: Literal["redirect"]
    name: Name = "redirect"
    roles: Annotated[EditedRoles, AfterValidator(_into_the_stream)] = PerTower[Roles](
        image=(), text=("fc2",)
    )
    block: Literal["last"] | Annotated[int, Field(ge=0)] = Field(
        "last", description="whose fc2 is edited: the last of the tower, or by number from 0"
    )

    def request(self, tower: Tower) -> PairMoments:
        return self._request(tower, self.block)

    def points(self, tower: Tower) -> tuple[RedirectPoint, ...]:
        if not self.roles[tower]:
            return ()
        grid = product(self.strength, self.keep, self.ridge)
        return tuple(RedirectPoint(*point) for point in grid)
