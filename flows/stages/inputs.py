"""What the stages of one backbone's audit are about: data sets, and the edits of both towers."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.ablation import AblationSpec
from tasks.datasets import DatasetSpec
from tasks.edit import ControlEditSpec, ScoredEditSpec
from tasks.pixels import PixelsSpec
from tasks.redirect import RedirectSpec
from tasks.tokens import TokensSpec
from uwm.families import Tower

AnyEditSpec = ScoredEditSpec | ControlEditSpec | RedirectSpec | AblationSpec
"""An edit of one tower."""
Towers = tuple[AnyEditSpec | None, AnyEditSpec | None]
"""An edit of the image tower and one of the text tower."""


@dataclass(frozen=True)
class Inputs:
    """A data set, and what both towers read of it."""

    dataset: DatasetSpec
    image: PixelsSpec
    text: TokensSpec

    def __getitem__(self, tower: Tower) -> PixelsSpec | TokensSpec:
        return self.image if tower == "image" else self.text
