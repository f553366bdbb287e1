"""The unedited backbone."""

from __future__ import annotations

from typing import Literal

from uwm.config.methods.base import Method


class Original(Method):
    """The unedited backbone. It is part of every audit, whether named or not."""

    kind: Literal["original"]

    @property
    def name(self) -> str:
        return "original"
