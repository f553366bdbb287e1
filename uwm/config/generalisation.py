"""What an audit asks of a repair beyond its own calibration set: other concepts, other samples."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from uwm.config.settings import Settings

MethodNames = tuple[str, ...]


class HeldOut(Settings):
    """Leave one concept out of the calibration, and measure on its pairs; concept by concept."""

    methods: MethodNames = Field(min_length=1, description="names of methods of this audit")
    benchmark: str | None = Field(None, description="the name of a benchmark; the first if absent")


class Drift(Settings):
    """Make each edit anew from parts of the calibration set, and see how far the choices agree."""

    methods: MethodNames = Field((), description="names of methods of this audit; all if empty")
    halves: bool = Field(True, description="compare two halves of every concept's pairs")
    sizes: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (), description="pairs per concept of smaller calibration sets to compare"
    )
    seeds: int = Field(3, ge=1, le=100, description="how often the set is parted")

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.halves and not self.sizes:
            raise ValueError("ask for `halves` or for `sizes`, or there is nothing to compare")
        return self
