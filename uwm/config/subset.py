"""A subset of the calibration pairs, for scores of fewer or other pairs from one capture."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from uwm.config.settings import Settings


class Subset(Settings):
    """Which calibration pairs to score with. A field left unset does not filter."""

    per_concept: int | None = Field(None, ge=1, description="maximum number of pairs per concept")
    half: Literal["first", "second"] | None = Field(
        None, description="take this random half of each concept's pairs"
    )
    without: tuple[str, ...] = Field((), description="concepts to leave out")
    seed: int = 0

    def __str__(self) -> str:
        parts = [
            f"{self.per_concept} per concept" if self.per_concept else "",
            f"{self.half} half" if self.half else "",
            f"without {', '.join(self.without)}" if self.without else "",
        ]
        said = ", ".join(part for part in parts if part)
        return f"{said} (seed {self.seed})" if said else "all"
