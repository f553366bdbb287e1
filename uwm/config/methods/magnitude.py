"""The largest weights: a control that needs no data."""

from __future__ import annotations

from typing import Literal

from uwm.config.methods.control import Control
from uwm.config.methods.requests import Draw


class MagnitudeControl(Control):
    """The largest weights (or the nodes with the largest weights), as many per layer as another
    method edits, multiplied by the same factor. It shows how much of a gain magnitude explains."""

    kind: Literal["magnitude"]

    @property
    def draws(self) -> tuple[Draw, ...]:
        return (Draw("largest"),)
