"""The example method with a computation of its own; `tests.uwm.api.test_repair` audits it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import uwm
from tests.makers.backbones import LoadFresh
from uwm.config import EditMethod
from uwm.config.methods import METHODS
from uwm.families import TOWERS, Tower
from uwm.method.observe import as_tokens, observing

KIND = f"{Path(__file__).parents[3] / 'examples' / 'plugins' / 'mean_shift.py'}:MeanShift"


def method(**settings: object) -> EditMethod:
    found = METHODS.named(KIND).model_validate({"kind": KIND, **settings})
    assert isinstance(found, EditMethod)
    return found


@pytest.mark.parametrize("tower", TOWERS)
def test_the_nodes_whose_mean_moves_most_are_silenced(tower: Tower, load_fresh: LoadFresh) -> None:
    backbone, pairs = load_fresh("clip"), uwm.Pairs.demo(limit=12)
    layers = uwm.find_layers(backbone.model, tower, ["fc2"])
    seen: dict[object, torch.Tensor] = {}
    means = []
    for partition in ("safe", "unsafe"):
        inputs = pairs.inputs(backbone, tower, partition)
        with observing(
            backbone.model,
            layers,
            lambda layer, x: seen.update({layer.id: as_tokens(x, 12, layer).mean((0, 1))}),
        ):
            backbone.forward(tower, inputs)
        means.append(torch.cat([seen[layer.id] for layer in layers]))
    shift = (means[1] - means[0]).abs()
    made = uwm.repair(backbone, pairs, method(share=0.1), batch_size=5)[tower]
    chosen = torch.zeros(len(shift), dtype=torch.bool)
    begin = 0
    for layer in layers:
        width = layer.weight(backbone.model).shape[1]
        if layer.id in made.layers:
            chosen[made.layers[layer.id].indices + begin] = True
        begin += width
    assert chosen.sum() == pytest.approx(0.1 * len(shift), abs=1)
    assert shift[chosen].min() > shift[~chosen].max() - 1e-6


def test_the_batch_size_changes_nothing(load_fresh: LoadFresh) -> None:
    backbone, pairs = load_fresh("siglip"), uwm.Pairs.demo(limit=12)
    first, *others = (uwm.repair(backbone, pairs, method(), batch_size=size) for size in (1, 5, 12))
    for other in others:
        for tower in TOWERS:
            for id, layer in first[tower].layers.items():
                assert torch.equal(layer.indices, other[tower].layers[id].indices)
