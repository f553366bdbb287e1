"""Directional ablation: no layer writes along a certain direction into the residual stream.

The direction of a block is what unsafe content has in the mean and safe content has not, behind
that block at the pooled token (Arditi et al. 2024, arXiv 2406.11717); what of it points along the
mean safe stream may be left, so that safe content loses nothing of its own. A closed form without a
target: content is moved out of the unsafe region, and not to anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from uwm.backbones.backbone import Backbone
from uwm.chunks import chunks
from uwm.errors import NoEffectError, PairingError, UnsupportedFamilyError
from uwm.families import Role, Tower
from uwm.layers import Layer, LayerId, find_layers
from uwm.method.computed import TowerInputs
from uwm.method.pooling import pool_weights
from uwm.partitions import PARTITIONS

WRITERS: tuple[Role, ...] = ("out", "fc2")
"""Roles whose layers write into the residual stream."""


@dataclass(frozen=True)
class BlockMeans:
    """The mean residual stream behind each block at the pooled token.

    Attributes:
        safe, unsafe: float64 (width,) by the block's number.
    """

    safe: Mapping[int, Tensor]
    unsafe: Mapping[int, Tensor]

    def direction(self, block: int, *, orthogonal: bool) -> Tensor:
        """What unsafe content has there and safe content has not: a unit vector, (width,).

        Args:
            orthogonal: leave out what of it lies along the mean of safe content.

        Raises:
            NoEffectError: the means are the same.
        """
        safe = self.safe[block]
        apart = self.unsafe[block] - safe
        if orthogonal:
            along = normalize(safe, dim=0)
            apart = apart - (apart @ along) * along
        if not apart.norm() > 0:
            raise NoEffectError(
                f"unsafe and safe content are the same in the mean behind block {block}, so there "
                "is no direction to ablate"
            )
        return normalize(apart, dim=0)


def block_means(
    backbone: Backbone, tower: Tower, inputs: TowerInputs, batch_size: int
) -> BlockMeans:
    """The means over calibration pairs, in one pass over either partition.

    Raises:
        PairingError: there are no pairs.
        UnsupportedFamilyError: see `uwm.method.pooling`, or blocks have no such stream.
    """
    if not inputs.samples:
        raise PairingError("a direction is of pairs; none was given")
    found = [_mean(backbone, tower, inputs, part, batch_size) for part in PARTITIONS]
    return BlockMeans(*found)


def ablation(
    backbone: Backbone,
    tower: Tower,
    means: BlockMeans,
    layers: Sequence[Layer],
    *,
    strength: float,
    orthogonal: bool,
    seed: int | None = None,
) -> dict[LayerId, tuple[Tensor, Tensor]]:
    """What is added to each layer's weight W: -strength d d'W, as factors (out, 1) and (1, in).

    Args:
        layers: writers of blocks.
        strength: 1 takes out all that is written along d; more writes the opposite.
        seed: of a control, whose directions are random ones.

    Raises:
        NoEffectError: see `BlockMeans.direction`.
        UnsupportedFamilyError: a layer's output is not a stream.
    """
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    drawn: dict[int, Tensor] = {}
    changes = {}
    for layer in layers:
        block = layer.id.block
        if block not in drawn:
            direction = means.direction(block, orthogonal=orthogonal)
            if generator is not None:
                random = torch.randn(len(direction), dtype=torch.float64, generator=generator)
                direction = normalize(random, dim=0)
            drawn[block] = direction
        weight, direction = layer.weight(backbone.model).detach().cpu().double(), drawn[block]
        if len(weight) != len(direction):
            raise UnsupportedFamilyError(
                f"{layer.id} gives {len(weight)} values and the stream behind its block has "
                f"{len(direction)}, so it does not write into that; leave this tower out"
            )
        changes[layer.id] = (-strength * direction.unsqueeze(1), (direction @ weight).unsqueeze(0))
    return changes


def _mean(
    backbone: Backbone, tower: Tower, inputs: TowerInputs, part: Any, batch_size: int
) -> dict[int, Tensor]:
    sums: dict[int, Tensor] = {}
    for rows in chunks(inputs.samples):
        for batch in torch.split(inputs.read(part, rows), batch_size):
            for block, stream in _streams(backbone, tower, batch):
                sums[block] = sums.get(block, torch.zeros_like(stream[0])) + stream.sum(0)
    return {block: total.cpu() / inputs.samples for block, total in sums.items()}


def _streams(backbone: Backbone, tower: Tower, batch: Tensor) -> Iterator[tuple[int, Tensor]]:
    """The stream behind each block at the pooled token, float64 (samples, width)."""
    blocks = {layer.id.block: layer.block for layer in find_layers(backbone.model, tower)}
    seen: dict[int, Tensor] = {}

    def keep(number: int) -> Any:
        def hook(module: object, inputs: object, output: Any) -> None:
            seen[number] = output if isinstance(output, Tensor) else output[0]

        return hook

    with ExitStack() as stack:
        for number, path in blocks.items():
            handle = backbone.model.get_submodule(path).register_forward_hook(keep(number))
            stack.callback(handle.remove)
        backbone.forward(tower, batch)
    for number, path in blocks.items():
        stream = seen[number]
        if stream.ndim != 3 or len(stream) != len(batch):
            raise UnsupportedFamilyError(
                f"a block's output is (samples, tokens, width); {path} gives "
                f"{tuple(stream.shape)}, so that nothing can be ablated in its stream"
            )
        weights = pool_weights(backbone.model, tower, batch, stream.shape[1]).to(stream.device)
        yield number, (weights.unsqueeze(1) @ stream.double()).squeeze(1)
