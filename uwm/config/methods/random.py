"""Random controls of other methods."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from uwm.config.methods.base import Method


class RandomControl(Method):
    """As many weights (or nodes) per layer as another method edits, drawn at random.

    Measured on the first benchmark and the zero-shot sets.
    """

    kind: Literal["random"]
    of: str = Field(description="the name of the method to control")
    seeds: int = Field(3, ge=1, le=100)

    @property
    def name(self) -> str:
        return f"random {self.of}"

    @property
    def refers_to(self) -> tuple[str, ...]:
        return (self.of,)

    @property
    def control(self) -> RandomControl:
        return self
