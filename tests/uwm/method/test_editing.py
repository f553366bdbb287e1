from typing import get_args

import pytest
import torch
from torch import Tensor

from tests.makers.backbones import LoadFresh
from uwm.backbones.backbone import Backbone
from uwm.config.methods.requests import Unit
from uwm.errors import EmptySelectionError, InputError, NoEffectError, WrongWeightsError
from uwm.families import TOWERS, Tower
from uwm.layers import LayerId
from uwm.method.editing import Edit, add_changes, make_edit, project, tower_weights
from uwm.method.projection import find_projection

UNITS = get_args(Unit)


def state(backbone: Backbone) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in backbone.model.state_dict().items()}


def some_edit(backbone: Backbone, tower: Tower, alpha: float, unit: Unit = "weight") -> Edit:
    weights = tower_weights(backbone.model, tower)
    size = {id: w.numel() if unit == "weight" else w.shape[1] for id, w in weights.items()}
    selection = {id: torch.arange(0, size[id], 7) for id in weights}
    return make_edit(backbone.model, tower, selection, alpha, unit)


@pytest.mark.parametrize("alpha", [-1.0, 0.0, -2.0, -1.7, 0.3])
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("tower", TOWERS)
def test_undoing_an_edit_gives_the_original_bit_for_bit(
    backbone: Backbone, tower: Tower, alpha: float, unit: Unit
) -> None:
    before = state(backbone)
    edit = some_edit(backbone, tower, alpha, unit)
    edit.apply(backbone.model)
    assert any(not torch.equal(before[name], now) for name, now in state(backbone).items())
    edit.revert(backbone.model)
    assert all(torch.equal(before[name], now) for name, now in state(backbone).items())


@pytest.mark.parametrize("unit", UNITS)
def test_an_edit_touches_what_was_selected_and_nothing_else(backbone: Backbone, unit: Unit) -> None:
    for tower in TOWERS:
        weights = tower_weights(backbone.model, tower)
        id = sorted(weights)[0]
        before = {name: weight.clone() for name, weight in weights.items()}
        make_edit(backbone.model, tower, {id: torch.tensor([1])}, -1, unit).apply(backbone.model)
        changed = before[id].clone()
        if unit == "weight":
            changed.view(-1)[1] *= -1
        else:
            changed[:, 1] *= -1
        assert torch.equal(weights[id], changed)
        assert all(torch.equal(weights[other], before[other]) for other in weights if other != id)


def test_an_edit_of_one_tower_leaves_the_others_embeddings(backbone: Backbone) -> None:
    pixels = torch.randint(0, 255, (2, 3, 32, 32), dtype=torch.uint8)
    ids = backbone.tokenize(["a cat", "a dog in the park"])
    image, text = backbone.encode("image", pixels), backbone.encode("text", ids)
    with some_edit(backbone, "image", -1).applied(backbone.model):
        assert torch.equal(backbone.encode("text", ids), text)
        assert not torch.allclose(backbone.encode("image", pixels), image, atol=1e-4)
    assert torch.equal(backbone.encode("image", pixels), image)


def test_the_original_returns_when_the_block_fails(backbone: Backbone) -> None:
    before = state(backbone)
    with (
        pytest.raises(RuntimeError, match="inside"),
        some_edit(backbone, "text", 0.0).applied(backbone.model),
    ):
        raise RuntimeError("inside")
    assert all(torch.equal(before[name], now) for name, now in state(backbone).items())


def test_an_edit_cannot_be_applied_twice_nor_undone_before(backbone: Backbone) -> None:
    edit = some_edit(backbone, "text", -1)
    with pytest.raises(WrongWeightsError, match="does not carry"):
        edit.revert(backbone.model)
    edit.apply(backbone.model)
    before = state(backbone)
    with pytest.raises(WrongWeightsError, match="applied already"):
        edit.apply(backbone.model)
    assert all(torch.equal(before[name], now) for name, now in state(backbone).items())


@pytest.mark.parametrize(
    ("alpha", "error"),
    [(1.0, NoEffectError), (float("nan"), InputError), (float("inf"), InputError)],
)
def test_a_factor_that_does_nothing_or_ruins_is_refused(
    backbone: Backbone, alpha: float, error: type[Exception]
) -> None:
    with pytest.raises(error):
        some_edit(backbone, "image", alpha)


def test_zeros_and_nothing_cannot_be_edited(backbone: Backbone) -> None:
    id = LayerId("text", 0, "fc2")
    tower_weights(backbone.model, "text")[id].zero_()
    with pytest.raises(NoEffectError, match=r"text\.00\.fc2"):
        make_edit(backbone.model, "text", {id: torch.tensor([0])}, -1)
    with pytest.raises(EmptySelectionError):
        make_edit(backbone.model, "text", {id: torch.tensor([], dtype=torch.int64)}, -1)
    with pytest.raises(EmptySelectionError):
        make_edit(backbone.model, "text", {}, -1)


def test_every_layer_may_have_its_factor(load_fresh: LoadFresh) -> None:
    model = load_fresh("clip").model
    weights = tower_weights(model, "text")
    ids = [id for id in weights if id.role == "fc2"]
    before = [weights[id][:, 0].clone() for id in ids]
    alphas = dict(zip(ids, (-1.0, 0.5), strict=True))
    edit = make_edit(model, "text", {id: torch.tensor([0]) for id in ids}, alphas, "node")
    with edit.applied(model):
        for id, column in zip(ids, before, strict=True):
            assert torch.equal(weights[id][:, 0], column * alphas[id])
    assert all(
        torch.equal(weights[id][:, 0], column) for id, column in zip(ids, before, strict=True)
    )


def added(backbone: Backbone, tower: Tower, size: float = 0.3) -> Edit:
    """A change of rank 2 in every layer."""
    generator = torch.Generator().manual_seed(0)
    changes = {
        id: (
            size * torch.randn(weight.shape[0], 2, generator=generator).double(),
            torch.randn(2, weight.shape[1], generator=generator).double(),
        )
        for id, weight in tower_weights(backbone.model, tower).items()
    }
    return add_changes(backbone.model, tower, changes)


@pytest.mark.parametrize("tower", TOWERS)
def test_undoing_an_added_matrix_gives_the_original_bit_for_bit(
    backbone: Backbone, tower: Tower
) -> None:
    before = state(backbone)
    weights = {id: weight.clone() for id, weight in tower_weights(backbone.model, tower).items()}
    edit = added(backbone, tower)
    with edit.applied(backbone.model):
        for id, weight in tower_weights(backbone.model, tower).items():
            change = edit.added[id].left @ edit.added[id].right
            assert torch.equal(weight, (weights[id].double() + change).float())
        with pytest.raises(WrongWeightsError, match="applied already"):
            edit.apply(backbone.model)
    assert all(torch.equal(before[name], now) for name, now in state(backbone).items())
    with pytest.raises(WrongWeightsError, match="does not carry this edit"):
        edit.revert(backbone.model)
    assert edit.count(weights) == sum(weight.numel() for weight in weights.values())


@pytest.mark.parametrize("tower", TOWERS)
def test_undoing_a_map_of_the_projection_gives_the_original_bit_for_bit(
    load_fresh: LoadFresh, tower: Tower
) -> None:
    backbone = load_fresh("clip")
    model, dim = backbone.model, backbone.dim
    before = {name: value.clone() for name, value in model.state_dict().items()}
    left, right = torch.randn(dim, 3).double(), torch.randn(3, dim).double()
    edit = project(model, tower, left, right)
    assert edit.count({}) == find_projection(model, tower).read(model).numel()
    weight = find_projection(model, tower).read(model).double()
    edit.apply(model)
    mapped = find_projection(model, tower).read(model).double()
    torch.testing.assert_close(mapped, weight + left @ right @ weight, rtol=1e-5, atol=1e-5)
    with pytest.raises(WrongWeightsError, match="applied already"):
        edit.apply(model)
    edit.revert(model)
    assert all(value.equal(before[name]) for name, value in model.state_dict().items())
    with pytest.raises(WrongWeightsError, match="does not carry this edit"):
        edit.revert(model)


def test_a_map_that_cannot_be_is_refused(load_fresh: LoadFresh) -> None:
    backbone = load_fresh("clip")
    dim = backbone.dim
    for factors, error, said in (
        ((torch.ones(dim, 1), torch.ones(1, dim + 1)), InputError, "do not make a map"),
        ((torch.ones(dim, 2), torch.ones(1, dim)), InputError, "do not make a map"),
        ((torch.full((dim, 1), torch.nan), torch.ones(1, dim)), InputError, "finite factors"),
        ((torch.zeros(dim, 1), torch.ones(1, dim)), NoEffectError, "too small"),
    ):
        with pytest.raises(error, match=said):
            project(backbone.model, "text", *factors)


def test_an_added_matrix_that_cannot_be_is_refused(load_fresh: LoadFresh) -> None:
    backbone = load_fresh("clip")
    id, weight = next(iter(tower_weights(backbone.model, "text").items()))
    out, nodes = weight.shape
    left, right = torch.ones(out, 1), torch.ones(1, nodes)
    for factors, error, said in (
        ((left, torch.ones(1, nodes + 1)), InputError, "do not make a change of it"),
        ((left * torch.inf, right), InputError, "has finite factors"),
        ((left * 1e-30, right), NoEffectError, "too small"),
    ):
        with pytest.raises(error, match=said):
            add_changes(backbone.model, "text", {id: factors})
    with pytest.raises(EmptySelectionError):
        add_changes(backbone.model, "text", {})
