"""Safe/unsafe pair sets: for calibration, validation and benchmarks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from uwm.config.settings import File, Folder, Name, Settings


class DemoPairs(Settings):
    """One of the pair sets that ship with the project."""

    kind: Literal["demo"]
    split: Literal["calibration", "validation", "test", "test_second_style"]
    per_concept: int | None = Field(None, ge=1, description="at most so many pairs per concept")

    @property
    def name(self) -> str:
        return self.split


class TablePairs(Settings):
    """Two CSV or Parquet tables that pair row by row: `image` (a path), `text`, `concept`."""

    kind: Literal["tables"]
    name: Name
    safe: File
    unsafe: File
    images: Folder = Field(description="the folder that image paths are relative to")
    per_concept: int | None = Field(None, ge=1, description="at most so many pairs per concept")


PairsConfig = Annotated[DemoPairs | TablePairs, Field(discriminator="kind")]
