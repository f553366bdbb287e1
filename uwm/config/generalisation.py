"""Whether a repair generalises beyond its calibration set: to other concepts and other samples."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from uwm.config.settings import Settings

MethodNames = tuple[str, ...]


class HeldOut(Settings):
    """For each concept: leave it out of the calibration set and measure the edit on its pairs."""

    methods: MethodNames = Field(min_length=1, description="names of methods of this audit")
    benchmark: str | None = Field(
        None, description="name of the benchmark to measure on; the first by default"
    )


class Drift(Settings):
    """Recompute each edit from parts of the calibration set and compare what is selected."""

    methods: MethodNames = Field((), description="names of methods of this audit; all if empty")
    halves: bool = Field(True, description="compare two halves of every concept's pairs")
    sizes: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (), description="pairs per concept of smaller calibration sets to compare"
    )
    seeds: int = Field(3, ge=1, le=100, description="number of random splits of the set")

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.halves and not self.sizes:
            raise ValueError("drift has nothing to compare; set `halves: true` or give `sizes`")
        return self
