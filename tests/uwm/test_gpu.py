"""The same code on a GPU: what it selects there, and what a capture costs."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch

from tests.benchmarks.capture import capture_seconds, random_case
from uwm.backbones.backbone import Backbone
from uwm.families import TOWERS, Tower
from uwm.layers import LayerId, find_layers
from uwm.method.capture import capture
from uwm.method.scoring import WeightScore, usable
from uwm.method.selection import select_mass

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU"),
]
TEXTS = [
    f"a {animal} with a {thing}" for animal in ("cat", "fox", "dog") for thing in ("key", "cup")
]


def selections(backbone: Backbone, tower: Tower) -> dict[LayerId, set[int]]:
    generator = torch.Generator().manual_seed(0)
    if tower == "image":
        shape = (6, 3, 32, 32)
        inputs = [torch.randint(256, shape, generator=generator).byte() for _ in range(2)]
    else:
        inputs = [backbone.tokenize(TEXTS), backbone.tokenize(TEXTS[::-1])]
    layers = find_layers(backbone.model, tower, ("fc2", "out"))
    safe, unsafe = (capture(backbone, tower, layers, part) for part in inputs)
    found = {}
    for layer in layers:
        scorer = WeightScore(layer.weight(backbone.model), prior=tower == "text")
        scorer.update(*usable(safe[layer.input], unsafe[layer.input], backbone.device))
        found[layer.id] = set(select_mass(scorer.result(), 0.1).tolist())
    return found


@pytest.mark.parametrize("tower", TOWERS)
def test_selections_agree_with_the_cpus(backbone: Backbone, tower: Tower) -> None:
    on_cpu = selections(backbone, tower)
    device = torch.device("cuda")
    moved = dataclasses.replace(backbone, model=copy.deepcopy(backbone.model).to(device))
    on_gpu = selections(moved, tower)
    differing = sum(len(on_cpu[id] ^ on_gpu[id]) for id in on_cpu)
    weights = sum(
        layer.weight(backbone.model).numel()
        for layer in find_layers(backbone.model, tower, ("fc2", "out"))
    )
    assert differing <= 0.001 * weights


@pytest.mark.parametrize("name", ["ViT-B-32", "ViT-L-14"])
def test_a_capture_costs_little_more_than_the_forward_pass(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Forward, statistics and write, to the forward pass of the same batches; random weights."""
    backbone, pixels = random_case(name, 1024, "cuda")
    forward, captured = capture_seconds(backbone, "image", ("fc2",), pixels, 256)
    ratio = captured / forward
    with capsys.disabled():  # for who reads the test's output
        device = torch.cuda.get_device_name()
        print(f"\n{name} on {device}: forward {forward:.2f} s, capture / forward {ratio:.3f}")
    assert ratio <= 1.15
