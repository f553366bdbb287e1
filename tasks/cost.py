"""What an artifact costs, from the shapes that its stage will write."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from storage.formats.samples import Field
from storage.store.spec import Spec
from uwm.backbones.backbone import Backbone
from uwm.chunks import CHUNK
from uwm.config.methods.requests import Unit
from uwm.families import Role, Tower
from uwm.layers import find_layers


@dataclass(frozen=True)
class Cost:
    """What one artifact costs.

    Attributes:
        measure: bytes to write, worked out when asked for.
        samples: rows of data behind it, partitions counted apart.
        tower: the tower that all samples run through, if any; for gradients back through it, too.
        shared: what artifacts that come from one pass have in common; None for a pass of its own.
    """

    measure: Callable[[], int] = lambda: 0
    samples: int = 0
    tower: Tower | None = None
    shared: object = None


FREE = Cost()


def free(spec: Spec, backbone: Backbone) -> Cost:
    """The cost of a table of results: a few kilobytes, which plans do not count."""
    return FREE


def stored_bytes(fields: Sequence[Field], partitions: Sequence[int]) -> int:
    """Bytes of arrays with these fields.

    Args:
        partitions: the number of samples of each.
    """
    return sum(field.stored_bytes(samples, CHUNK) for field in fields for samples in partitions)


def weight_shapes(backbone: Backbone, tower: Tower, roles: Sequence[Role]) -> list[tuple[int, ...]]:
    """The shape of each layer's weight, (out, in)."""
    layers = find_layers(backbone.model, tower, roles)
    return [tuple(layer.weight(backbone.model).shape) for layer in layers]


def score_shapes(
    backbone: Backbone, tower: Tower, roles: Sequence[Role], unit: Unit
) -> list[tuple[int, ...]]:
    """The shape of each layer's scores."""
    shapes = weight_shapes(backbone, tower, roles)
    return [shape[1:] for shape in shapes] if unit == "node" else shapes


def values(shapes: Sequence[tuple[int, ...]]) -> int:
    """How many values arrays of these shapes have."""
    return sum(math.prod(shape) for shape in shapes)
