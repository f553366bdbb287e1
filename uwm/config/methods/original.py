"""The backbone as it is."""

from __future__ import annotations

from typing import Literal

from uwm.config.methods.base import Method


class Original(Method):
    """The backbone as it is. Always part of an audit, named or not."""

    kind: Literal["original"]

    @property
    def name(self) -> str:
        return "original"
