"""Gradient scores against plain backward passes and losses written out, on every family."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from tests.makers.families import CASES, TEXTS
from uwm.backbones.backbone import Backbone
from uwm.backbones.geometry import Geometry, Normalization
from uwm.config import GradientKind
from uwm.errors import NoGradientError, NonFiniteScoreError
from uwm.families import TOWERS, Tower
from uwm.layers import Layer, LayerId, find_layers
from uwm.method.gradients import GradientScore, held_fixed

KINDS = get_args(GradientKind)
PAIRS, BATCH = 10, 4
Inputs = dict[tuple[Tower, str], Tensor]


@pytest.fixture
def inputs(backbone: Backbone, generator: torch.Generator) -> Inputs:
    things = [
        f"{a} {thing}" for a in ("one", "two") for thing in ("cat", "fox", "dog", "cup", "key")
    ]
    shape = (PAIRS, 3, 32, 32)
    return {
        ("image", "safe"): torch.randint(256, shape, generator=generator).byte(),
        ("image", "unsafe"): torch.randint(256, shape, generator=generator).byte(),
        ("text", "safe"): backbone.tokenize([f"a {thing} in the sun" for thing in things]),
        ("text", "unsafe"): backbone.tokenize([f"a {thing} and a knife" for thing in things]),
    }


def unit(values: Tensor) -> Tensor:
    return values / values.square().sum(1, keepdim=True).sqrt()


def by_hand(kind: str, s: Tensor, of: dict[tuple[str, str], Tensor]) -> Tensor:
    """The loss of a batch by loops over its pairs; `of` by side, scored or other, and partition."""
    n = len(s)
    other_safe, other_unsafe = of["other", "safe"], of["other", "unsafe"]
    if kind == "g_unsafe":
        return sum(
            ((1 - s[b] @ other_unsafe[b]) / n - (1 - s[b] @ other_safe[b]) / n for b in range(n)),
            torch.zeros(()),
        )
    total = torch.zeros(())
    for b in range(n):
        to_others = torch.stack([math.exp(4.6052) * s[b] @ other_unsafe[c] for c in range(n)])
        from_others = torch.stack([math.exp(4.6052) * s[c] @ other_unsafe[b] for c in range(n)])
        for logits in (to_others, from_others):
            total = total + (logits.logsumexp(0) - logits[b]) / (2 * n)
        total = total + (1 - s[b] @ of["scored", "unsafe"][b]) / n
    return total


def naive(backbone: Backbone, inputs: Inputs, tower: Tower, kind: str) -> dict[str, Tensor]:
    """Per parameter the mean of |gradient|, by `backward` on a copy of the whole model."""
    model = copy.deepcopy(backbone.model).requires_grad_(True)

    def embed(whose: Tower, values: Tensor) -> Tensor:
        encode: Callable[[Tensor], Tensor] = getattr(model, f"encode_{whose}")
        return unit(encode(backbone.normalization(values) if whose == "image" else values))

    scores: dict[str, Tensor] = {}
    for start in range(0, PAIRS, BATCH):
        rows = slice(start, start + BATCH)
        model.zero_grad()
        with torch.no_grad():
            of = {
                ("scored" if whose == tower else "other", part): embed(whose, values[rows])
                for (whose, part), values in inputs.items()
            }
        safe = embed(tower, inputs[tower, "safe"][rows])
        torch.autograd.backward(by_hand(kind, safe, of))
        for name, parameter in model.named_parameters():
            if parameter.grad is not None:
                share = len(safe) / PAIRS
                scores[name] = scores.get(name, 0) + share * parameter.grad.abs()
    return scores


def batches(
    backbone: Backbone, inputs: Inputs, tower: Tower, kind: GradientKind
) -> list[tuple[Tensor, ...]]:
    fixed = [
        backbone.encode(whose, inputs[whose, part]).clone()
        for whose, part in held_fixed(kind, tower)
    ]
    parts = (inputs[tower, "safe"], *fixed)
    return list(zip(*(torch.split(part, BATCH) for part in parts), strict=True))


def scored(
    backbone: Backbone, inputs: Inputs, tower: Tower, kind: GradientKind, layers: Any = None
) -> dict[LayerId, Tensor]:
    layers = layers or find_layers(backbone.model, tower)
    scorer = GradientScore(backbone, tower, layers, kind)
    for batch in batches(backbone, inputs, tower, kind):
        scorer.update(*batch)
    assert scorer.samples == PAIRS
    return scorer.result()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tower", TOWERS)
def test_scores_are_the_mean_magnitude_of_backwards_gradients(
    backbone: Backbone, inputs: Inputs, tower: Tower, kind: GradientKind
) -> None:
    """Every role, query, key and value being thirds of a parameter's rows, and a short batch."""
    expected = naive(backbone, inputs, tower, kind)
    layers = find_layers(backbone.model, tower)
    found = scored(backbone, inputs, tower, kind)
    assert set(found) == {layer.id for layer in layers}
    for layer in layers:
        whole = expected[layer.parameter]
        rows = len(whole) // (1 if layer.site.third is None else 3)
        part = whole[(layer.site.third or 0) * rows :][:rows]
        scale = part.max().item()
        torch.testing.assert_close(found[layer.id], part, rtol=1e-3, atol=1e-5 * scale)


@pytest.mark.parametrize("kind", KINDS)
def test_going_on_from_sums_changes_no_bit(
    backbone: Backbone, inputs: Inputs, kind: GradientKind
) -> None:
    layers = find_layers(backbone.model, "text", ("query", "fc2"))
    first, *rest = batches(backbone, inputs, "text", kind)
    begun = GradientScore(backbone, "text", layers, kind)
    begun.update(*first)
    kept = {id: total.clone() for id, total in begun.sums.items()}
    resumed = GradientScore(backbone, "text", layers, kind, begun.samples, kept)
    for batch in rest:
        resumed.update(*batch)
    whole = scored(backbone, inputs, "text", kind, layers)
    assert all(torch.equal(score, whole[id]) for id, score in resumed.result().items())


def test_the_model_is_left_as_it_was_found(backbone: Backbone, inputs: Inputs) -> None:
    layers = find_layers(backbone.model, "image", ("fc2",))
    parameters = dict(backbone.model.named_parameters())
    asking = parameters[layers[0].parameter]
    asking.requires_grad_(True).grad = torch.ones_like(asking)
    before = {name: value.detach().clone() for name, value in parameters.items()}
    scored(backbone, inputs, "image", "g_unsafe", layers)
    scorer = GradientScore(backbone, "image", layers, "g_unsafe")
    with pytest.raises(RuntimeError):
        scorer.update(inputs["image", "safe"][:2], torch.ones(3, 3), torch.ones(3, 3))
    assert {name for name, value in parameters.items() if value.requires_grad} == {
        layers[0].parameter
    }
    assert {name for name, value in parameters.items() if value.grad is not None} == {
        layers[0].parameter
    }
    assert asking.grad is not None
    assert torch.equal(asking.grad, torch.ones_like(asking))
    assert all(torch.equal(value, before[name]) for name, value in parameters.items())
    assert not backbone.model.training


def test_gradients_are_float32_whatever_the_precision(backbone: Backbone, inputs: Inputs) -> None:
    half = dataclasses.replace(backbone, precision="bf16")
    layers = find_layers(backbone.model, "text", ("fc2",))
    (batch, *_) = batches(backbone, inputs, "text", "g_unsafe")
    found = []
    for one in (backbone, half):
        scorer = GradientScore(one, "text", layers, "g_unsafe")
        scorer.update(*batch)
        found.append(scorer.result())
    assert all(torch.equal(found[0][layer.id], found[1][layer.id]) for layer in layers)


def test_a_loss_that_no_weight_changes_is_an_error(backbone: Backbone, inputs: Inputs) -> None:
    layers = find_layers(backbone.model, "image", ("fc2",))
    same = backbone.encode("text", inputs["text", "safe"]).clone()
    scorer = GradientScore(backbone, "image", layers, "g_unsafe")
    scorer.update(inputs["image", "safe"], same, same)
    with pytest.raises(NoGradientError, match=r"image\.00\.fc2, image\.01\.fc2"):
        scorer.result()


def test_layers_that_the_tower_does_not_run_are_an_error(
    backbone: Backbone, inputs: Inputs
) -> None:
    layers = find_layers(backbone.model, "text", ("fc2",))
    scorer = GradientScore(backbone, "image", layers, "g_safe_clip")
    for batch in batches(backbone, inputs, "image", "g_safe_clip"):
        scorer.update(*batch)
    with pytest.raises(NoGradientError, match=r"text\.00\.fc2"):
        scorer.result()


def test_gradients_that_are_not_finite_are_an_error(backbone: Backbone, inputs: Inputs) -> None:
    layers = find_layers(backbone.model, "image", ("out",))
    scorer = GradientScore(backbone, "image", layers, "g_unsafe")
    first, safe, unsafe = batches(backbone, inputs, "image", "g_unsafe")[0]
    scorer.update(first, safe, unsafe * torch.nan)
    with pytest.raises(NonFiniteScoreError, match=r"image\.00\.out"):
        scorer.result()
    with pytest.raises(NonFiniteScoreError, match="no sample"):
        GradientScore(backbone, "image", layers, "g_unsafe").result()


@pytest.mark.parametrize("name", list(CASES))
def test_every_borrowed_family_has_gradients_after_passes_without(
    name: str, tmp_path: Path, generator: torch.Generator
) -> None:
    """What a tower caches in an inference pass must not end up in a gradient's."""
    model, inputs = CASES[name](tmp_path)
    tower: Tower = "text" if name in TEXTS else "image"
    setattr(model, f"encode_{tower}", model.forward)
    backbone = Backbone(
        model=model,
        tokenizer=None,
        model_config={},
        geometry=Geometry(height=32, width=32, interpolation="bicubic", resize_mode="shortest"),
        normalization=Normalization(mean=(0, 0, 0), std=(1, 1, 1)),
    )
    shape = backbone.encode(tower, inputs).shape
    layers: tuple[Layer, ...] = find_layers(model, tower)
    scorer = GradientScore(backbone, tower, layers, "g_safe_clip")
    fixed = (unit(torch.randn(shape, generator=generator)) for _ in range(2))
    scorer.update(inputs, *fixed)
    for layer in layers:
        assert scorer.result()[layer.id].shape == layer.weight(model).shape
    backbone.encode(tower, inputs)
