"""Erasure: what tells unsafe embeddings from safe ones is taken out of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from uwm.config.methods.base import Method
from uwm.config.methods.requests import Rewriting
from uwm.config.settings import Name, Seed
from uwm.config.towers import as_tuple
from uwm.families import Tower


class Erased(Method):
    """A map behind the final projections of towers; no weight is edited, and no pass is needed."""

    towers: Annotated[tuple[Tower, ...], BeforeValidator(as_tuple), Field(min_length=1)] = Field(
        ("text",), description="whose embeddings are rewritten"
    )
    swapped: Seed | None = Field(
        None,
        description="a control: the seed by which safe and unsafe change places in half of the "
        "calibration pairs",
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
    """Least-squares concept erasure: no linear probe tells calibration pairs apart any more, and
    embeddings move as little as that takes (Belrose et al. 2023, arXiv 2306.03819)."""

    kind: Literal["leace"]
    name: Name = "leace"

    @property
    def rewriting(self) -> Rewriting:
        return Rewriting("leace", self.towers, self.swapped)
