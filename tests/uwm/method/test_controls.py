"""Controls are as large as the edit that they stand beside, and know nothing else of it."""

import pytest
import torch
from torch import Tensor

from tests.makers.backbones import LoadFresh
from uwm.backbones.backbone import Backbone
from uwm.config.methods.requests import Draw, Unit
from uwm.errors import InputError, NonFiniteScoreError
from uwm.layers import LayerId
from uwm.method.controls import Loudness, select_alike, select_control
from uwm.method.editing import Edit, make_edit, tower_weights
from uwm.method.statistics import Activations

LAYER = LayerId("text", 0, "fc2")


@pytest.fixture
def backbone(load_fresh: LoadFresh) -> Backbone:
    return load_fresh("clip")


def loud_edit(backbone: Backbone, unit: Unit) -> tuple[Edit, Tensor]:
    """An edit that favours large weights of loud nodes, and how loud the nodes are."""
    weight = tower_weights(backbone.model, "text")[LAYER].double()
    generator = torch.Generator().manual_seed(0)
    loudness = torch.rand(weight.shape[1], generator=generator, dtype=torch.float64) ** 2
    score = weight.square() * loudness
    score = score.sum(0) if unit == "node" else score.flatten()
    noisy = score * torch.rand(len(score), generator=generator, dtype=torch.float64)
    chosen = noisy.topk(max(8, len(score) // 20)).indices.sort().values
    return make_edit(backbone.model, "text", {LAYER: chosen}, -1.0, unit), loudness


@pytest.mark.parametrize("unit", ["weight", "node"])
def test_a_control_has_the_edits_number_norm_and_contribution(
    backbone: Backbone, unit: Unit
) -> None:
    edit, loudness = loud_edit(backbone, unit)
    weight = tower_weights(backbone.model, "text")[LAYER].double()

    def sums(chosen: Tensor) -> tuple[int, float, float]:
        norms, contributions = weight.square(), weight.square() * loudness
        if unit == "node":
            norms, contributions = norms.sum(0), contributions.sum(0)
        norms, contributions = norms.flatten(), contributions.flatten()
        return len(chosen), float(norms[chosen].sum()), float(contributions[chosen].sum())

    own = sums(edit.layers[LAYER].indices)
    draws = [Draw("number", 0), *(Draw("contribution", seed) for seed in range(3))]
    drawn = [select_control(edit, backbone.model, draw, {LAYER: loudness})[LAYER] for draw in draws]
    for chosen in drawn[1:]:
        assert sums(chosen) == pytest.approx(own, rel=0.05)
    assert sums(drawn[0])[0] == own[0]
    assert sums(drawn[0])[2] < 0.8 * own[2]  # a draw of equal number is quieter
    assert not torch.equal(drawn[1], drawn[2])
    assert not torch.equal(drawn[1], edit.layers[LAYER].indices)
    again = select_control(edit, backbone.model, draws[1], {LAYER: loudness})[LAYER]
    assert torch.equal(drawn[1], again)


def test_the_largest_weights_need_no_data(backbone: Backbone) -> None:
    edit, _ = loud_edit(backbone, "weight")
    (chosen,) = select_control(edit, backbone.model, Draw("largest")).values()
    sizes = tower_weights(backbone.model, "text")[LAYER].abs().flatten()
    rest = torch.ones(len(sizes), dtype=torch.bool)
    rest[chosen] = False
    assert len(chosen) == len(edit.layers[LAYER].indices)
    assert sizes[chosen].min() >= sizes[rest].max()


def test_an_edit_of_the_largest_is_its_own_control() -> None:
    sizes = torch.arange(1.0, 201, dtype=torch.float64) ** 2
    largest = torch.arange(180, 200)
    chosen = select_alike([sizes], largest, torch.Generator().manual_seed(0))
    assert len({*chosen.tolist()} & {*largest.tolist()}) >= 18


def test_sizes_that_are_all_zero_or_all_chosen_are_no_trouble(generator: torch.Generator) -> None:
    zeros = torch.zeros(6, dtype=torch.float64)
    assert len(select_alike([zeros], torch.tensor([1, 2]), generator)) == 2
    assert select_alike([zeros], torch.arange(6), generator).tolist() == list(range(6))


def test_loudness_is_the_mean_square_of_both_partitions_in_any_portions() -> None:
    norms = [torch.rand(7, 3, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2)]
    safe, unsafe = (Activations(norm, torch.full_like(norm, torch.nan)) for norm in norms)
    whole, parts = Loudness(3), Loudness(3)
    whole.update(safe, unsafe)
    for rows in (slice(0, 2), slice(2, 7)):
        parts.update(*(Activations(*(part[rows] for part in each)) for each in (safe, unsafe)))
    expected = torch.cat(norms).double().square().mean(0)
    torch.testing.assert_close(whole.result(), expected)
    torch.testing.assert_close(parts.result(), expected)
    with pytest.raises(NonFiniteScoreError):
        Loudness(3).result()


def test_contribution_cannot_be_told_without_activations(backbone: Backbone) -> None:
    edit, _ = loud_edit(backbone, "node")
    with pytest.raises(InputError, match="activations"):
        select_control(edit, backbone.model, Draw("contribution", 0))
