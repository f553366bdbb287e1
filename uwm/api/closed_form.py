"""Edits in closed form in memory: what `repair` makes of methods that select no weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from uwm.api.measuring import embed_partition, embedded
from uwm.api.pairs import Pairs
from uwm.backbones.backbone import Backbone
from uwm.config import EditMethod, Subset
from uwm.config.methods.requests import (
    AblationPoint,
    PairMoments,
    ProjectionPoint,
    RedirectPoint,
    StreamMeans,
)
from uwm.errors import InputError
from uwm.families import TOWERS, Tower
from uwm.layers import Layer, find_layers, pick_blocks
from uwm.method.ablation import ablation, block_means
from uwm.method.editing import Edit, add_changes, project
from uwm.method.moments import EmbeddedPairs, Pooled, layer_moments, second_moment
from uwm.method.phrases import preserved_phrases
from uwm.method.pooling import check_added, pooled, redirected_layer
from uwm.method.projection import check_projection
from uwm.method.redirect import redirection
from uwm.method.subsets import subset_rows
from uwm.partitions import PARTITIONS, Partition


def redirected(
    backbone: Backbone,
    pairs: Pairs,
    tower: Tower,
    wanted: PairMoments,
    point: RedirectPoint,
    batch_size: int,
) -> Edit:
    """The change of one layer's whole weight: form A of `uwm.method.redirect`."""
    phrases = _phrases(pairs, wanted)
    if wanted.block == "projection":
        raise TypeError("a point of a block is not one of the final projection")
    layer = redirected_layer(backbone.model, tower, wanted.block)
    inputs = InMemory(backbone, pairs, tower)
    check_added(backbone, tower, layer, inputs.read("safe", slice(0, 1)))
    moments = layer_moments(
        _PooledPairs(inputs, layer, batch_size), counted_pairs(pairs, wanted.part)
    )
    preserved = []
    if phrases:
        ids = backbone.tokenize(phrases)

        def read(rows: slice) -> Tensor:
            return pooled(backbone, tower, layer, ids[rows], batch_size).reads

        preserved.append(second_moment(read, len(ids)))
    factors = redirection(moments, preserved, **point._asdict())
    return add_changes(backbone.model, tower, {layer.id: (factors.left, factors.right)})


def projected(
    backbone: Backbone,
    pairs: Pairs,
    tower: Tower,
    wanted: PairMoments,
    point: ProjectionPoint,
    batch_size: int,
) -> Edit:
    """The change of a final projection: form B of `uwm.method.redirect`."""
    phrases = _phrases(pairs, wanted)
    check_projection(backbone, tower)
    own, other = (
        EmbeddedPairs(
            {
                partition: embed_partition(backbone, pairs, whose, partition, batch_size)
                for partition in PARTITIONS
            }
        )
        for whose in (tower, *(each for each in TOWERS if each != tower))
    )
    preserved = []
    if phrases:
        kept = embedded(backbone, tower, backbone.tokenize(phrases), batch_size)
        preserved.append(second_moment(lambda rows: kept[rows], len(kept)))
    moments = layer_moments(own, counted_pairs(pairs, wanted.part))
    moments = moments.away(other.direction, point.push)
    factors = redirection(
        moments, preserved, strength=point.strength, keep=point.keep, ridge=point.ridge
    )
    return project(backbone.model, tower, factors.left, factors.right)


def _phrases(pairs: Pairs, wanted: PairMoments) -> list[str]:
    """The texts that are not to move.

    Raises:
        InputError: sets are not to move either, which an audit alone reads.
    """
    if wanted.sets:
        raise InputError(
            "`preserve: {sets: ...}` is read by `uwm audit`; here give `phrases`, or leave it out"
        )
    return preserved_phrases(pairs.safe_texts, wanted.phrases, words=wanted.words)


def ablated(
    backbone: Backbone,
    pairs: Pairs,
    tower: Tower,
    method: EditMethod,
    point: AblationPoint,
    batch_size: int,
) -> Edit:
    """The direction of unsafe content taken out of what blocks write."""
    wanted = method.request(tower)
    orthogonal = isinstance(wanted, StreamMeans) and wanted.orthogonal
    layers = find_layers(backbone.model, tower, method.roles[tower])
    layers = pick_blocks(layers, method.blocks_of(tower))
    means = block_means(backbone, tower, InMemory(backbone, pairs, tower), batch_size)
    at = backbone, tower, means, layers
    changes = ablation(*at, strength=point.strength, orthogonal=orthogonal)
    return add_changes(backbone.model, tower, changes)


@dataclass(frozen=True)
class InMemory:
    """Pairs in memory, as `uwm.method.computed.TowerInputs`."""

    backbone: Backbone
    pairs: Pairs
    tower: Tower

    @property
    def samples(self) -> int:
        return len(self.pairs)

    def read(self, partition: Partition, rows: slice) -> Tensor:
        return self.pairs[rows].inputs(self.backbone, self.tower, partition)


@dataclass(frozen=True)
class _PooledPairs:
    """Pairs in memory, as `uwm.method.moments.PooledPairs`."""

    inputs: InMemory
    layer: Layer
    batch_size: int

    @property
    def samples(self) -> int:
        return self.inputs.samples

    def read(self, partition: Partition, rows: slice) -> Pooled:
        given = self.inputs.read(partition, rows)
        backbone, tower = self.inputs.backbone, self.inputs.tower
        return pooled(backbone, tower, self.layer, given, self.batch_size)


def counted_pairs(pairs: Pairs, part: Subset | None) -> Tensor:
    """Which pairs count: bool (samples,)."""
    if part is None:
        return torch.ones(len(pairs), dtype=torch.bool)
    return torch.from_numpy(subset_rows(part, pairs.ids, pairs.concepts))
