"""Concept erasure: remove from embeddings what distinguishes unsafe from safe content."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from uwm.config.methods.base import Method
from uwm.config.methods.requests import Rewriting
from uwm.config.settings import Name, Seed
from uwm.config.towers import as_tuple
from uwm.families import Tower


class Erased(Method):
    """A map applied to the outputs of towers. It edits no weight and needs no further pass."""

    towers: Annotated[tuple[Tower, ...], BeforeValidator(as_tuple), Field(min_length=1)] = Field(
        ("text",), description="towers whose embeddings are rewritten"
    )
    swapped: Seed | None = Field(
        None,
        description="makes the method a control: seed for swapping safe and unsafe in a random "
        "half of the calibration pairs",
    )


class NullSpace(Erased):
    """Projection onto the null space of the difference between mean unsafe and mean safe
    embeddings."""

    kind: Literal["null_space"]
    name: Name = "null_space"

    @property
    def rewriting(self) -> Rewriting:
        return Rewriting("null_space", self.towers, self.swapped)


class Leace(Erased):
    """Least-squares concept erasure: the smallest change of embeddings after which no linear probe
    tells safe from unsafe calibration content (Belrose et al. 2023, arXiv 2306.03819)."""

    kind: Literal["leace"]
    name: Name = "leace"

    @property
    def rewriting(self) -> Rewriting:
        return Rewriting("leace", self.towers, self.swapped)
