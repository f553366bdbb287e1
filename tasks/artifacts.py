"""The artifacts that stages hand to each other, as far as those who read them need to know them.

A module of its own: whoever reads an artifact does not depend on how it is made.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator

from storage.store.shards import SampledSpec
from storage.store.spec import Input, Spec
from tasks.datasets import DatasetSpec
from uwm.config.methods.requests import Unit
from uwm.families import Role, Tower

Roles = Annotated[tuple[Role, ...], AfterValidator(lambda roles: tuple(sorted(roles)))]
"""Roles in an order of their own."""


class TowerInputsSpec(SampledSpec):
    """What a tower reads of every partition of a data set, see `tasks.pixels`, `tasks.tokens`."""

    dataset: Input[DatasetSpec]

    @property
    def partitions(self) -> int:
        """How many there are, of as many samples each."""
        raise NotImplementedError


class LayerScoresSpec(Spec):
    """A score per layer of one tower: (out, in) of unit `weight`, (in,) of unit `node`."""

    kind: ClassVar[str] = "scores"
    tower: Tower
    roles: Roles
    unit: Unit


class TowerEditSpec(Spec):
    """An edit of one tower's layers, see `uwm.method.edit_files`."""

    kind: ClassVar[str] = "edits"

    @property
    def tower(self) -> Tower:
        raise NotImplementedError


class TowerEmbeddingsSpec(Spec):
    """Unit embeddings, float32 (samples, dim), of every partition of a data set.

    Attributes:
        data: what a tower has read.
    """

    kind: ClassVar[str] = "embeddings"
    data: Input[TowerInputsSpec]


Pair = tuple[Input[TowerEmbeddingsSpec], Input[TowerEmbeddingsSpec]]
"""A data set's image and text embeddings."""
