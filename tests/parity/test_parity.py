"""Scores, selections, edited embeddings and metrics against the authors' released code."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import open_clip
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from uwm.backbones.backbone import Backbone
from uwm.backbones.geometry import Geometry, Normalization
from uwm.config import ScoreKind
from uwm.config.methods.requests import Rule
from uwm.families import TOWERS, Tower
from uwm.layers import Layer, find_layers
from uwm.method.capture import capture
from uwm.method.editing import make_edit
from uwm.method.gradients import GradientScore, held_fixed
from uwm.method.scoring import WeightScore
from uwm.method.selection import select
from uwm.metrics.outcomes import pair_outcomes
from uwm.metrics.registry import BUILT_IN
from uwm.metrics.safeground import PairedEmbeddings

HERE = Path(__file__).parent
CASES = [
    Path(name) for name in os.environ.get("UWM_PARITY", "").split(os.pathsep) if name
] or sorted((HERE / "cases").iterdir())
GRADIENTS: dict[str, dict[Tower, Rule]] = {
    "g_unsafe": {"image": "mass", "text": "count"},
    "g_safe_clip": dict.fromkeys(TOWERS, "count"),
}
SCORES: dict[str, tuple[ScoreKind, Rule]] = {
    "ablation_unsafe_only_count": ("unsafe_only", "count"),
    "ablation_difference_count": ("difference", "count"),
    "ablation_ratio_count": ("ratio", "count"),
}
RECALLS = {
    "recall_text_to_image": "text_to_image",
    "recall_image_to_text": "image_to_text",
    "recall_unsafe_text_to_union": "unsafe_text_to_union",
    "recall_unsafe_image_to_union": "unsafe_image_to_union",
}


class Case(NamedTuple):
    meta: dict[str, Any]
    inputs: dict[str, Tensor]
    expected: dict[str, Tensor]
    weights: dict[str, Tensor]

    def backbone(self, dtype: torch.dtype = torch.float32) -> Backbone:
        config = self.meta["case"]["open_clip_config"]
        model = open_clip.CLIP(**config).eval().requires_grad_(False)
        model.load_state_dict(self.weights)
        model.to(dtype)
        size = config["vision_cfg"]["image_size"]
        return Backbone(
            model=model,
            tokenizer=tokenizer(),
            model_config=config,
            geometry=Geometry(
                height=size, width=size, interpolation="bicubic", resize_mode="shortest"
            ),
            normalization=Normalization(mean=(0, 0, 0), std=(1, 1, 1)),
        )


@cache
def tokenizer() -> open_clip.SimpleTokenizer:
    return open_clip.SimpleTokenizer()  # the cases' texts are ids already


@cache
def read_case(folder: Path) -> Case:
    tensors = (
        load_file(folder / f"{name}.safetensors") for name in ("inputs", "expected", "model")
    )
    return Case(json.loads((folder / "meta.json").read_text()), *tensors)


def embed(backbone: Backbone, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: backbone.forward("image" if name.endswith("image") else "text", values)
        for name, values in inputs.items()
    }


def score_layers(
    case: Case, run: str, tower: Tower, model: Backbone, kind: ScoreKind | None = None
) -> dict[Any, Tensor]:
    kind = kind or SCORES.get(run, ("ratio", "mass"))[0]
    settings = case.meta["runs"][run]
    layers = find_layers(model.model, tower, [settings[f"{tower}_role"]])
    if run in GRADIENTS:
        return gradient_scores(case, run, tower, model, layers)
    dtype = next(model.model.parameters()).dtype
    inputs = (case.inputs[f"{part}_{tower}"] for part in ("safe", "unsafe"))
    safe, unsafe = (
        capture(model, tower, layers, values.to(dtype) if values.is_floating_point() else values)
        for values in inputs
    )
    scores = {}
    for layer in layers:
        weight = layer.weight(model.model).float()
        scorer = WeightScore(weight, kind, prior=tower == "text")
        scorer.update(safe[layer.input], unsafe[layer.input])
        scores[layer.id] = scorer.result()
    return scores


def gradient_scores(
    case: Case, kind: Any, tower: Tower, model: Backbone, layers: Sequence[Layer]
) -> dict[Any, Tensor]:
    scorer = GradientScore(model, tower, layers, kind)
    fixed = [
        model.encode(whose, case.inputs[f"{part}_{whose}"])
        for whose, part in held_fixed(kind, tower)
    ]
    batch = case.meta["case"]["batch"]
    for rows in zip(
        *(torch.split(values, batch) for values in (case.inputs[f"safe_{tower}"], *fixed)),
        strict=True,
    ):
        scorer.update(*rows)
    return dict(scorer.result())


def select_layers(
    run: str, tower: Tower, scores: dict[Any, Tensor], tau: float
) -> dict[Any, Tensor]:
    rule = SCORES.get(run, ("ratio", "mass"))[1]
    if run in GRADIENTS:
        rule = GRADIENTS[run][tower]
    return {id: select(rule, score, tau) for id, score in scores.items()}


RUNS = [
    pytest.param(folder, run, id=f"{folder.name}-{run}")
    for folder in CASES
    for run in json.loads((folder / "meta.json").read_text())["runs"]
]


def test_the_cases_hold_every_run() -> None:
    assert len(RUNS) >= 9 * len(CASES) > 0


@pytest.mark.parametrize(("folder", "run"), RUNS)
@pytest.mark.parametrize("tower", TOWERS)
def test_scores_and_selections(folder: Path, run: str, tower: Tower) -> None:
    case = read_case(folder)
    # Passes in float64: what float32 rounds differs between processors by more than the tolerance.
    dtype = torch.float32 if run in GRADIENTS else torch.float64
    scores = score_layers(case, run, tower, case.backbone(dtype))
    tau = case.meta["runs"][run]["tau"]
    # A difference cancels: the tolerance is of the terms that it is taken of.
    difference = "difference" in run
    terms = (
        score_layers(case, run, tower, case.backbone(dtype), "unsafe_only") if difference else {}
    )
    tolerance = 1e-3 if run in GRADIENTS else 2e-5
    for id, chosen in select_layers(run, tower, scores, tau).items():
        name = f"{run}.{tower}.{id.role}.{id.block}"
        expected = case.expected[f"{name}.score"]
        error = (scores[id] - expected).abs()
        assert (error <= tolerance * terms.get(id, expected.abs())).all(), (id, error.max())
        selected = torch.zeros(expected.numel(), dtype=torch.bool)
        selected[chosen] = True
        differing = selected != case.expected[f"{name}.selected"].flatten().bool()
        # Two scores that tie to within the tolerance may swap sides of the threshold.
        edge = expected.flatten()[chosen].min()
        slack = 2 * tolerance * terms.get(id, expected).flatten()[differing].abs()
        assert ((expected.flatten()[differing] - edge).abs() <= slack).all()


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
@pytest.mark.parametrize("tower", TOWERS)
def test_passes_in_float32_score_as_those_in_float64(folder: Path, tower: Tower) -> None:
    case = read_case(folder)
    for run in set(case.meta["runs"]) - set(GRADIENTS):
        exact = score_layers(case, run, tower, case.backbone(torch.float64), "unsafe_only")
        for id, score in score_layers(case, run, tower, case.backbone(), "unsafe_only").items():
            assert torch.allclose(score, exact[id], rtol=1e-4, atol=0), (run, id)


@pytest.mark.parametrize(("folder", "run"), RUNS)
def test_edited_embeddings_and_metrics(folder: Path, run: str) -> None:
    case = read_case(folder)
    backbone = case.backbone()
    settings = case.meta["runs"][run]
    scores = {tower: score_layers(case, run, tower, backbone) for tower in TOWERS}
    for tower in TOWERS:
        selection = select_layers(run, tower, scores[tower], settings["tau"])
        make_edit(backbone.model, tower, selection, settings["alpha"]).apply(backbone.model)
    check_embeddings_and_metrics(case, run, backbone)


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_the_original(folder: Path) -> None:
    case = read_case(folder)
    check_embeddings_and_metrics(case, "original", case.backbone())


def check_embeddings_and_metrics(case: Case, run: str, backbone: Backbone) -> None:
    found = embed(backbone, case.inputs)
    for name, values in found.items():
        torch.testing.assert_close(values, case.expected[f"{run}.{name}"], rtol=0, atol=1e-4)
    unit = {name: nn.functional.normalize(values, dim=-1) for name, values in found.items()}
    outcomes = pair_outcomes(
        PairedEmbeddings(
            unit["safe_image"], unit["unsafe_image"], unit["safe_text"], unit["unsafe_text"]
        )
    )
    percent = {
        metric: round(100 * float(outcome.mean()), 2) for metric, outcome in outcomes.items()
    }
    expected = case.meta["metrics"][run]
    safety = [metric.name for metric in BUILT_IN if metric.group == "safety"]
    assert {name: percent[name] for name in safety} == {name: expected[name] for name in safety}
    for theirs, ours in RECALLS.items():
        assert [percent[f"{ours}_R@{k}"] for k in (1, 5, 10)] == expected[theirs]
