"""How far a forward pass in half precision changes what is selected and what comes of it.

`python -m tests.benchmarks.precision` captures the demo's calibration pairs on each of the three
demo backbones in fp32, bf16 and fp16, selects by the paper's rule and by `neurons`, and compares
the selections and, on the test pairs, the safety and recall of the models so edited, each measured
in the precision it was edited in. docs/precision.md tells what came of it.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from typing import get_args

import numpy as np
import torch
from torch import Tensor

from storage.files.pictures import decode
from storage.sources import Source, read_source
from uwm.backbones.backbone import Backbone
from uwm.backbones.geometry import PixelTransform
from uwm.backbones.load import load, resolve_device
from uwm.config import DemoBackbone, DemoPairs, Precision
from uwm.config.methods.requests import Rule, Unit
from uwm.families import Role, Tower
from uwm.layers import LayerId, find_layers
from uwm.method.capture import capture
from uwm.method.editing import Edit, make_edit
from uwm.method.scoring import LayerScore, NodeScore, WeightScore, usable
from uwm.method.selection import select
from uwm.metrics.outcomes import pair_outcomes
from uwm.metrics.safeground import PairedEmbeddings

BATCH = 50
POINTS: tuple[tuple[str, Tower, Role, Rule, float], ...] = (
    ("uwm", "image", "fc2", "mass", 0.02),
    ("uwm", "text", "out", "mass", 0.02),
    ("uwm tuned", "image", "fc2", "mass", 0.1),
    ("uwm tuned", "text", "out", "mass", 0.1),
    ("neurons", "image", "fc2", "nodes", 0.1),
    ("neurons", "text", "fc2", "nodes", 0.1),
)
"""Method, tower, role, rule, share."""
METRICS = ("P_t_s", "P_t_u", "P_v_s", "P_v_u", "text_to_image_R@1", "image_to_text_R@1")

Selection = dict[LayerId, Tensor]
Inputs = dict[Tower, dict[str, Tensor]]


def inputs(source: Source, backbone: Backbone) -> Inputs:
    """What either tower reads of both partitions."""
    transform = PixelTransform(backbone.geometry)

    def pixels(part: str) -> Tensor:
        pictures = [transform(decode(source.read(name), name)) for name in source.images[part]]
        return torch.from_numpy(np.stack(pictures))

    parts = ("safe", "unsafe")
    return {
        "image": {part: pixels(part) for part in parts},
        "text": {part: backbone.tokenize(source.texts[part].tolist()) for part in parts},
    }


def selections(backbone: Backbone, data: Inputs) -> dict[tuple[str, Tower], Selection]:
    """What each point of `POINTS` selects in `backbone`."""
    found: dict[tuple[str, Tower], Selection] = {}
    for tower in ("image", "text"):
        points = [point for point in POINTS if point[1] == tower]
        layers = find_layers(backbone.model, tower, {point[2] for point in points})
        scorers: dict[tuple[LayerId, bool], LayerScore] = {}
        for layer in layers:
            weight = layer.weight(backbone.model)
            scorers[layer.id, False] = WeightScore(weight, prior=tower == "text")
            scorers[layer.id, True] = NodeScore(weight.shape[1], device=weight.device)
        batches = (torch.split(data[tower][part], BATCH) for part in ("safe", "unsafe"))
        for safe, unsafe in zip(*batches, strict=True):
            seen = [capture(backbone, tower, layers, part) for part in (safe, unsafe)]
            for layer in layers:
                one, other = (part[layer.input] for part in seen)
                pair = usable(one, other, backbone.device)
                for nodes in (False, True):
                    scorers[layer.id, nodes].update(*pair)
        for method, _, role, rule, share in points:
            found[method, tower] = {
                layer.id: select(rule, scorers[layer.id, rule == "nodes"].result(), share)
                for layer in layers
                if layer.id.role == role
            }
    return found


def agreement(one: Selection, other: Selection) -> tuple[float, float]:
    """Share of `one`'s selected weights that `other` selects too, and the Jaccard index."""
    pairs = [(set(one[id].tolist()), set(other[id].tolist())) for id in one]
    common = sum(len(a & b) for a, b in pairs)
    return common / sum(len(a) for a, _ in pairs), common / sum(len(a | b) for a, b in pairs)


def outcomes(backbone: Backbone, edits: list[Edit], data: Inputs) -> dict[str, float]:
    """Metrics on pairs with `edits` in place, in percent."""
    with ExitStack() as stack:
        for edit in edits:
            stack.enter_context(edit.applied(backbone.model))
        embedded = [
            torch.cat(
                [backbone.encode(tower, x) for x in torch.split(data[tower][part], BATCH)]
            ).cpu()
            for tower in ("image", "text")
            for part in ("safe", "unsafe")
        ]
    found = pair_outcomes(PairedEmbeddings(*embedded))
    return {name: 100 * float(np.mean(found[name])) for name in METRICS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    device = resolve_device(parser.parse_args().device)
    print(f"device {device}, torch {torch.__version__}")
    sources = [read_source(DemoPairs(kind="demo", split=s)) for s in ("calibration", "test")]
    for name in ("vit", "coca", "siglip"):
        made: dict[Precision, dict[tuple[str, Tower], Selection]] = {}
        for precision in get_args(Precision):
            backbone = load(DemoBackbone(kind="demo", name=name), device, precision)
            calibration, test = (inputs(source, backbone) for source in sources)
            made[precision] = selections(backbone, calibration)
            for method in dict.fromkeys(point[0] for point in POINTS):
                edits = []
                for tower in ("image", "text"):
                    chosen = made[precision][method, tower]
                    unit: Unit = "node" if method == "neurons" else "weight"
                    edits.append(make_edit(backbone.model, tower, chosen, -1, unit))
                    same, jaccard = agreement(made["fp32"][method, tower], chosen)
                    size = sum(map(len, chosen.values()))
                    print(
                        f"{name:6} {precision} {method:9} {tower:5} {size:7} selected, "
                        f"{100 * same:6.2f} % of fp32's, Jaccard {jaccard:.4f}",
                        flush=True,
                    )
                values = outcomes(backbone, edits, test)
                told = "  ".join(f"{key} {value:.1f}" for key, value in values.items())
                print(f"{name:6} {precision} {method:9} edited: {told}", flush=True)
            plain = outcomes(backbone, [], test)
            told = "  ".join(f"{key} {value:.1f}" for key, value in plain.items())
            print(f"{name:6} {precision} original         : {told}", flush=True)


if __name__ == "__main__":
    main()
