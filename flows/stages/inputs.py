"""What the stages of one backbone's audit are about: data sets, and the edits of both towers."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.artifacts import TowerEditSpec
from tasks.datasets import DatasetSpec
from tasks.pixels import PixelsSpec
from tasks.tokens import TokensSpec
from uwm.families import Tower

Towers = tuple[TowerEditSpec | None, TowerEditSpec | None]
"""An edit of the image tower and one of the text tower."""


@dataclass(frozen=True)
class Inputs:
    """A data set, and what both towers read of it."""

    dataset: DatasetSpec
    image: PixelsSpec
    text: TokensSpec

    def __getitem__(self, tower: Tower) -> PixelsSpec | TokensSpec:
        return self.image if tower == "image" else self.text
