"""Safe-CLIP's losses are its paper's, and training changes the factors and nothing else."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

import uwm.method.safe_clip
from tests.makers.backbones import LoadFresh
from tests.makers.families import CASES, TEXTS
from uwm.backbones.backbone import Backbone
from uwm.config import LossWeights, LowRankTraining, SafeClip
from uwm.errors import NotFiniteError
from uwm.families import TOWERS, Role, Tower
from uwm.layers import find_layers
from uwm.method.safe_clip import (
    Factors,
    Training,
    adapted,
    attach,
    losses,
    merge,
    schedule,
    shadow,
    steps_per_epoch,
)

ROLES: tuple[Role, ...] = ("key", "value", "out", "fc1", "fc2")
OPTIONS = LowRankTraining(epochs=1, rank=4, learning_rate=1e-2, batch_size=8)
PAIRS = 8
LOSSES = SafeClip(kind="safe_clip").losses


def pairs(backbone: Backbone, tower: Tower) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    if tower == "text":
        texts = [f"{color} {thing}" for color in ("red", "blue") for thing in "abcd"]
        return backbone.tokenize(texts), backbone.tokenize([f"bad {text}" for text in texts])
    side = backbone.geometry.height
    drawn = torch.randint(0, 255, (2, PAIRS, 3, side, side), dtype=torch.uint8, generator=generator)
    return drawn[0], drawn[1]


def batch(backbone: Backbone, tower: Tower) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Inputs of one tower and frozen embeddings of both, for `Training.step`."""
    (other,) = {*TOWERS} - {tower}
    safe, unsafe = pairs(backbone, tower)
    targets = [backbone.encode(each, pairs(backbone, each)[0]).clone() for each in (tower, other)]
    return safe, unsafe, targets[0], targets[1]


def training(backbone: Backbone, tower: Tower, **changes: float) -> Training:
    options = OPTIONS.model_copy(update=changes)
    return Training(backbone, tower, ROLES, options, LOSSES[tower])


def cosine(a: list[float], b: list[float]) -> float:
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(x * x for x in a)) / math.sqrt(sum(y * y for y in b))


def test_losses_are_those_of_naive_loops(generator: torch.Generator) -> None:
    safe, unsafe, own, other = torch.randn(4, 5, 3, generator=generator).double()
    scale = 7.0

    def distance(a: Tensor, b: Tensor) -> float:
        return sum(1 - cosine(x, y) for x, y in zip(a.tolist(), b.tolist(), strict=True)) / len(a)

    def entropy(a: Tensor, b: Tensor) -> float:
        total = 0.0
        for number, x in enumerate(a.tolist()):
            logits = [scale * cosine(x, y) for y in b.tolist()]
            total += math.log(sum(map(math.exp, logits))) - logits[number]
        return total / len(a)

    expected = {
        "redirection": distance(unsafe, own),
        "redirection_contrastive": (entropy(unsafe, other) + entropy(other, unsafe)) / 2,
        "preservation": distance(safe, own),
        "preservation_contrastive": (entropy(safe, other) + entropy(other, safe)) / 2,
    }
    found = losses(safe, unsafe, own, other, scale)
    assert list(found) == list(expected) == list(LossWeights.model_fields)
    assert {name: value.item() for name, value in found.items()} == pytest.approx(expected)


@pytest.mark.parametrize("tower", TOWERS)
def test_untrained_factors_change_nothing(backbone: Backbone, tower: Tower) -> None:
    factors = training(backbone, tower).factors
    assert set(factors) == {layer.id for layer in find_layers(backbone.model, tower, ROLES)}
    same = adapted(backbone, factors)
    assert same.tower_digest(tower) == backbone.tower_digest(tower)


@pytest.mark.parametrize("tower", TOWERS)
def test_training_lowers_the_loss_and_leaves_the_backbone_as_it_is(
    backbone: Backbone, tower: Tower
) -> None:
    before = {name: value.clone() for name, value in backbone.model.state_dict().items()}
    weights = LOSSES[tower].model_dump()
    run, data = training(backbone, tower), batch(backbone, tower)
    found = [run.step(*data) for _ in range(30)]
    first, last = (
        sum(weights[name] * value for name, value in step.items()) for step in (found[0], found[-1])
    )
    assert last < 0.8 * first
    after = backbone.model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(value, after[name]) for name, value in before.items())

    tuned = adapted(backbone, run.factors)
    (other,) = {*TOWERS} - {tower}
    assert tuned.tower_digest(tower) != backbone.tower_digest(tower)
    assert tuned.tower_digest(other) == backbone.tower_digest(other)
    # What is merged computes what was trained: the losses of the next step.
    safe, unsafe, own, cross = data
    merged = losses(
        tuned.encode(tower, safe), tuned.encode(tower, unsafe), own, cross, OPTIONS.logit_scale
    )
    expected = {name: value.item() for name, value in merged.items()}
    assert run.step(*data) == pytest.approx(expected, rel=1e-3, abs=1e-5)
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_products_are_scaled_as_low_rank_adaptation_scales_them(backbone: Backbone) -> None:
    data = batch(backbone, "text")
    rank = OPTIONS.rank
    plain, scaled = (training(backbone, "text", lora_alpha=alpha) for alpha in (rank, 2 * rank))
    for run in (plain, scaled):
        run.step(*data)  # Adam's first step has the size of the learning rate, whatever the scale
    for id, factors in plain.factors.items():
        doubled = scaled.factors[id]
        torch.testing.assert_close(doubled.up, 2 * factors.up, rtol=0.01, atol=1e-3)


@pytest.mark.parametrize("name", list(CASES))
def test_every_family_trains_and_merges(
    name: str, tmp_path: Path, generator: torch.Generator
) -> None:
    model, inputs = CASES[name](tmp_path)
    tower: Tower = "text" if name in TEXTS else "image"
    layers = find_layers(model, tower)
    trained, merged = shadow(model.eval()), shadow(model)
    factors = attach(trained, layers, 2, generator)
    with torch.no_grad():
        expected = model(inputs)
        torch.testing.assert_close(trained(inputs), expected)
        for product in factors.values():
            product.up.normal_(std=0.5, generator=generator)
    found = trained(inputs)
    found.square().sum().backward()
    assert all(product.up.grad is not None for product in factors.values())
    merge(merged, layers, factors)
    with torch.no_grad():
        torch.testing.assert_close(merged(inputs), found.detach(), rtol=1e-3, atol=1e-4)
        assert not torch.allclose(found, expected, rtol=1e-3, atol=1e-4)
        assert torch.equal(model(inputs), expected)


def test_a_packed_parameter_changes_in_the_thirds_asked_for(load_fresh: LoadFresh) -> None:
    backbone = load_fresh("clip")
    run = Training(backbone, "text", ("value",), OPTIONS, LOSSES.text)
    run.step(*batch(backbone, "text"))
    tuned = adapted(backbone, run.factors)
    for layer in find_layers(backbone.model, "text"):
        same = torch.equal(layer.weight(backbone.model), layer.weight(tuned.model))
        assert same == (layer.id.role != "value")


def test_a_tuned_backbone_shares_what_it_did_not_change(load_fresh: LoadFresh) -> None:
    backbone = load_fresh("clip")
    tuned = adapted(backbone, training(backbone, "text").factors)
    places = [
        {name: value.data_ptr() for name, value in one.model.named_parameters()}
        for one in (backbone, tuned)
    ]
    own = {name for name, place in places[0].items() if places[1][name] != place}
    assert own == {layer.parameter for layer in find_layers(backbone.model, "text", ROLES)}


def test_a_restored_training_goes_on_bit_for_bit(load_fresh: LoadFresh) -> None:
    backbone = load_fresh("siglip")
    data = batch(backbone, "image")
    whole, resumed = training(backbone, "image"), training(backbone, "image")
    for _ in range(3):
        whole.step(*data)
    resumed.restore(whole.state(), whole.steps)
    for run in (whole, resumed):
        for _ in range(2):
            run.step(*data)
    expected, found = whole.state(), resumed.state()
    assert whole.steps == resumed.steps == 5
    assert set(expected) == set(found)
    assert all(torch.equal(value, found[name]) for name, value in expected.items())


def test_a_loss_that_is_no_number_is_an_error(load_fresh: LoadFresh) -> None:
    backbone = load_fresh("clip")
    safe, unsafe, own, other = batch(backbone, "text")
    with pytest.raises(NotFiniteError, match=r"step 1 of the text tower.* lower its learning_rate"):
        training(backbone, "text").step(safe, unsafe, own * float("nan"), other)


@pytest.mark.parametrize("samples", [1, 7, 16, 41])
def test_every_pair_is_in_one_batch_of_each_epoch(
    samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uwm.method.safe_clip, "WINDOW", 16)
    options = OPTIONS.model_copy(update={"epochs": 3, "batch_size": 5})
    rows = [
        (batch + window.start).tolist()
        for window, batches in schedule(samples, options)
        for batch in batches
    ]
    steps = steps_per_epoch(samples, options)
    assert len(rows) == 3 * steps
    epochs = [
        [row for part in rows[epoch * steps : (epoch + 1) * steps] for row in part]
        for epoch in range(3)
    ]
    assert all(sorted(epoch) == list(range(samples)) for epoch in epochs)
    assert samples == 1 or epochs[0] != epochs[1]
    assert max(map(len, rows)) <= 5
    again = [batch.tolist() for _, batches in schedule(samples, options) for batch in batches]
    assert again == [
        batch.tolist() for _, batches in schedule(samples, options) for batch in batches
    ]


def test_products_are_added_as_a_matrix_product_would_be(generator: torch.Generator) -> None:
    weight = torch.randn(6, 4, generator=generator)
    product = Factors(
        torch.randn(6, 3, generator=generator), torch.randn(3, 4, generator=generator)
    )
    expected = weight + product.up @ product.down
    product.add_to(weight)
    torch.testing.assert_close(weight, expected)
