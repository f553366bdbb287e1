"""Controls of redirections: as large, made from the same pairs, and leading elsewhere."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from uwm.config.methods.control import Control
from uwm.config.methods.requests import Draw, Misleading


class RedirectControl(Control):
    """A redirection at the same point that moves unsafe content as far on average."""

    of_selections: ClassVar[bool] = False
    leads: ClassVar[Misleading]
    seeds: int = Field(1, ge=1, le=100)

    @property
    def draws(self) -> tuple[Draw, ...]:
        return tuple(Draw(self.leads, seed) for seed in range(self.seeds))


class Swapped(RedirectControl):
    """Safe and unsafe change places in a random half of the pairs: what is left without labels."""

    leads: ClassVar[Misleading] = "swapped"
    kind: Literal["swapped"]


class Mispaired(RedirectControl):
    """Unsafe content is led to the safe content of another pair: what leaving the unsafe region
    does by itself, wherever to."""

    leads: ClassVar[Misleading] = "mispaired"
    kind: Literal["mispaired"]


class OneWay(RedirectControl):
    """All unsafe content is led in one random direction."""

    leads: ClassVar[Misleading] = "one way"
    kind: Literal["one_way"]
