"""Blanking: a degenerate reference that shows what safety metrics alone do not detect."""

from __future__ import annotations

from typing import Literal

from uwm.config.methods.base import Method
from uwm.config.methods.requests import Rewriting
from uwm.config.settings import Name


class Blanking(Method):
    """Every text that a linear probe classifies as unsafe gets the same embedding: the mean of the
    safe calibration texts. It almost always prefers safe items, but such a text retrieves nothing.
    """

    kind: Literal["blanking"]
    name: Name = "blanking"

    @property
    def blanks_texts(self) -> bool:
        return True

    @property
    def rewriting(self) -> Rewriting:
        return Rewriting("blanking", ("text",))
