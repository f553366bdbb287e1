"""Random controls of other methods."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from uwm.config.methods.control import Control
from uwm.config.methods.requests import Draw, Equal


class RandomControl(Control):
    """As many weights (or nodes) per layer as another method edits, drawn at random.

    By default they also have, on average, the squared norm of the edited weights and their
    contribution to the layer's output on the calibration pairs: what is left to explain a gain is
    which of them are edited.
    """

    kind: Literal["random"]
    seeds: int = Field(3, ge=1, le=100)
    equal: Equal = Field(
        "contribution",
        description="`number` of weights alone; their squared `norm` too; or, besides both, their "
        "`contribution` on the calibration pairs",
    )

    @property
    def name(self) -> str:
        """Of a weaker control also what is equal, so that several stand beside one another."""
        return super().name + ("" if self.equal == "contribution" else f", equal {self.equal}")

    @property
    def draws(self) -> tuple[Draw, ...]:
        return tuple(Draw(self.equal, seed) for seed in range(self.seeds))
