"""After ablation nothing is written along the direction, and undoing it is exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest
import torch
from torch import Tensor

from uwm.backbones.backbone import Backbone
from uwm.errors import NoEffectError, PairingError, UnsupportedFamilyError
from uwm.families import TOWERS, Tower
from uwm.layers import find_layers
from uwm.method.ablation import WRITERS, BlockMeans, ablation, block_means
from uwm.method.editing import add_changes
from uwm.method.pooling import pooled, redirected_layer

PAIRS = 9


@dataclass(frozen=True)
class Inputs:
    """Random inputs of one tower in memory."""

    safe: Tensor
    unsafe: Tensor

    @property
    def samples(self) -> int:
        return len(self.safe)

    def read(self, partition: Literal["safe", "unsafe"], rows: slice) -> Tensor:
        return (self.safe if partition == "safe" else self.unsafe)[rows]


def inputs(backbone: Backbone, tower: Tower) -> Inputs:
    if tower == "text":
        texts = [f"a photo of {'very ' * row}{row}" for row in range(PAIRS)]
        return Inputs(
            backbone.tokenize(texts), backbone.tokenize([f"bad {text}" for text in texts])
        )
    side = backbone.geometry.height
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randint(0, 255, (2, PAIRS, 3, side, side), dtype=torch.uint8, generator=generator)
    return Inputs(*drawn)


@pytest.mark.parametrize("tower", TOWERS)
def test_means_are_those_of_the_streams_at_the_pooled_token_whatever_the_batch(
    backbone: Backbone, tower: Tower
) -> None:
    data = inputs(backbone, tower)
    layer = redirected_layer(backbone.model, tower, "last")
    for batch in (1, 4, PAIRS):
        means = block_means(backbone, tower, data, batch)
        assert list(means.safe) == list(means.unsafe)
        for found, part in ((means.safe, data.safe), (means.unsafe, data.unsafe)):
            expected = pooled(backbone, tower, layer, part).stream.double().mean(0)
            torch.testing.assert_close(found[layer.id.block], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("tower", TOWERS)
def test_nothing_is_written_along_the_direction_and_undoing_is_exact(
    backbone: Backbone, tower: Tower
) -> None:
    means = block_means(backbone, tower, inputs(backbone, tower), 4)
    layers = find_layers(backbone.model, tower, WRITERS)
    before = [layer.weight(backbone.model).clone() for layer in layers]
    at = backbone, tower, means, layers
    edit = add_changes(backbone.model, tower, ablation(*at, strength=1, orthogonal=False))
    with edit.applied(backbone.model):
        for layer, weight in zip(layers, before, strict=True):
            direction = means.direction(layer.id.block, orthogonal=False)
            along = direction @ layer.weight(backbone.model).double()
            assert along.abs().max() < 1e-5 * weight.abs().max() * len(direction)
    after = [layer.weight(backbone.model) for layer in layers]
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))


def test_an_orthogonal_direction_leaves_what_safe_content_has_in_the_mean() -> None:
    safe, unsafe = torch.tensor([2.0, 0, 0]).double(), torch.tensor([3.0, 4, 0]).double()
    means = BlockMeans({0: safe}, {0: unsafe})
    assert means.direction(0, orthogonal=True).tolist() == [0, 1, 0]
    torch.testing.assert_close(
        means.direction(0, orthogonal=False), torch.tensor([1, 4, 0]).double() / 17**0.5
    )
    with pytest.raises(NoEffectError, match="same in the mean behind block 0"):
        BlockMeans({0: safe}, {0: 3 * safe}).direction(0, orthogonal=True)


def test_a_control_ablates_other_directions_the_same_in_all_layers_of_a_block(
    backbone: Backbone,
) -> None:
    means = block_means(backbone, "text", inputs(backbone, "text"), 4)
    layers = find_layers(backbone.model, "text", WRITERS)
    drawn = [
        ablation(backbone, "text", means, layers, strength=2, orthogonal=True, seed=seed)
        for seed in (0, 0, 1)
    ]
    for layer in layers:
        first, again, other = (changes[layer.id][0] for changes in drawn)
        assert torch.equal(first, again)
        assert not torch.equal(first, other)
        assert first.norm() == pytest.approx(2)
        beside = next(each for each in layers if each.id.block == layer.id.block)
        assert torch.equal(first, drawn[0][beside.id][0])


def test_what_cannot_be_ablated_is_refused(backbone: Backbone) -> None:
    with pytest.raises(PairingError, match="none was given"):
        block_means(backbone, "text", Inputs(torch.empty(0), torch.empty(0)), 4)
    means = block_means(backbone, "text", inputs(backbone, "text"), 4)
    readers = find_layers(backbone.model, "text", ["fc1"])
    with pytest.raises(UnsupportedFamilyError, match="does not write into that"):
        ablation(backbone, "text", means, readers, strength=1, orthogonal=True)
