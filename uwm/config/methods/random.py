"""Random controls of other methods."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from uwm.config.methods.control import Control
from uwm.config.methods.requests import Draw, Equal


class RandomControl(Control):
    """As many weights (or nodes) per layer as another method edits, drawn at random.

    By default they also match, on average, the squared norm of the edited weights and their
    contribution to the layer's output on the calibration pairs, so that a gain over this control
    can only come from which weights are edited.
    """

    kind: Literal["random"]
    seeds: int = Field(3, ge=1, le=100)
    equal: Equal = Field(
        "contribution",
        description="what is equal to the edit: only the `number` of weights; also their squared "
        "`norm`; or also their `contribution` on the calibration pairs",
    )

    @property
    def name(self) -> str:
        """The name; that of a weaker control also says what is equal, so that names differ."""
        return super().name + ("" if self.equal == "contribution" else f", equal {self.equal}")

    @property
    def draws(self) -> tuple[Draw, ...]:
        return tuple(Draw(self.equal, seed) for seed in range(self.seeds))
