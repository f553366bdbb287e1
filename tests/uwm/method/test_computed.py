"""Scores by a function of one's own are checked before anything is selected by them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import Tensor

from tests.makers.backbones import LoadFresh
from uwm.config.methods.requests import ComputedScore, OwnCode
from uwm.errors import NonFiniteScoreError, PluginError
from uwm.layers import find_layers
from uwm.method.computed import compute


class Nothing:
    """Inputs that no function below reads."""

    samples = 0

    def read(self, partition: Literal["safe", "unsafe"], rows: slice) -> Tensor:
        raise AssertionError


def wanted(folder: Path, body: str, unit: Literal["weight", "node"]) -> ComputedScore:
    path = folder / "own.py"
    path.write_text(
        "def scores(*, backbone, tower, layers, inputs, batch_size, factor=1.0):\n"
        f"    return {{x.id: {body} for x in layers}}\n"
    )
    return ComputedScore(unit, OwnCode(f"{path}:scores", (("factor", 2.0),)))


@pytest.mark.parametrize("unit", ["weight", "node"])
def test_a_score_has_the_shape_of_what_it_scores_and_its_settings(
    load_fresh: LoadFresh, tmp_path: Path, unit: Literal["weight", "node"]
) -> None:
    backbone = load_fresh("clip")
    layers = find_layers(backbone.model, "image", ("fc2",))
    weight = "x.weight(backbone.model).double().abs()"
    body = f"factor * {weight}" if unit == "weight" else f"factor * {weight}.sum(0)"
    found = compute(wanted(tmp_path, body, unit), backbone, "image", layers, Nothing(), 8)
    assert found.keys() == {layer.id for layer in layers}
    for layer in layers:
        weights = layer.weight(backbone.model).abs()
        expected = 2 * (weights if unit == "weight" else weights.sum(0))
        assert found[layer.id].dtype == torch.float32
        torch.testing.assert_close(found[layer.id], expected)


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        ("x.weight(backbone.model)[0]", PluginError, "one of shape"),
        ("x.weight(backbone.model) / 0", NonFiniteScoreError, "not finite"),
    ],
)
def test_what_is_no_score_is_refused(
    load_fresh: LoadFresh, tmp_path: Path, body: str, kind: type[Exception], said: str
) -> None:
    backbone = load_fresh("clip")
    layers = find_layers(backbone.model, "text", ("fc2",))
    with pytest.raises(kind, match=said):
        compute(wanted(tmp_path, body, "weight"), backbone, "text", layers, Nothing(), 8)
