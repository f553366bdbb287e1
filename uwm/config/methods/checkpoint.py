"""Other weights of an audit's backbones, such as a published Safe-CLIP."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field

from uwm.config.backbones import BackboneConfig
from uwm.config.methods.base import Method
from uwm.config.methods.requests import WeightsFrom
from uwm.config.settings import Name


def _named(weights: object) -> object:
    """Entries named after the backbones that they are for, unless they have names of their own."""
    if not isinstance(weights, Mapping):
        return weights
    return {
        backbone: {"name": backbone, **entry} if isinstance(entry, Mapping) else entry
        for backbone, entry in weights.items()
    }


class Checkpoint(Method):
    """Other weights of the same networks, such as a published Safe-CLIP.

    It is measured only on the backbones that it has weights for.
    """

    kind: Literal["checkpoint"]
    name: Name = "checkpoint"
    weights: Annotated[dict[str, BackboneConfig], BeforeValidator(_named), Field(min_length=1)] = (
        Field(description="entries as under `backbones:`, by the name of the backbone they replace")
    )

    @property
    def brings_weights(self) -> bool:
        return True

    @property
    def named_backbones(self) -> tuple[str, ...]:
        return tuple(self.weights)

    def weights_for(self, backbone: str) -> WeightsFrom | None:
        entry = self.weights.get(backbone)
        return None if entry is None else WeightsFrom(entry, ("weights", backbone))

    def of_backbones(self, names: Collection[str]) -> Self | None:
        left = {name: entry for name, entry in self.weights.items() if name in names}
        if not left:
            return None
        return type(self).model_validate({"kind": self.kind, "name": self.name, "weights": left})
