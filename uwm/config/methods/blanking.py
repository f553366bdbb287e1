"""Blanking: a degenerate reference that no repair should be mistaken for."""

from __future__ import annotations

from typing import Literal

from uwm.config.methods.base import Method
from uwm.config.methods.requests import Rewriting
from uwm.config.settings import Name


class Blanking(Method):
    """Every text that a linear probe calls unsafe gets one and the same embedding: the mean of the
    safe calibration texts. Prefers safe items almost always, and finds nothing."""

    kind: Literal["blanking"]
    name: Name = "blanking"

    @property
    def blanks_texts(self) -> bool:
        return True

    @property
    def rewriting(self) -> Rewriting:
        return Rewriting("blanking", ("text",))
