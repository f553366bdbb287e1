"""Scores by a function of one's own, as artifacts under its own code."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from storage.formats.scores import read_scores
from tasks.computed import ComputedScoresSpec, compute_scores
from tests.makers.bench import Bench
from uwm.config.methods.requests import ComputedScore, OwnCode
from uwm.errors import NonFiniteScoreError, PluginError
from uwm.layers import find_layers

SHIFT = Path(__file__).parents[2] / "examples" / "plugins" / "mean_shift_scores.py"


def spec(bench: Bench, file: Path, name: str = "mean_shift") -> ComputedScoresSpec:
    wanted = ComputedScore("node", OwnCode.of(f"{file}:{name}"))
    return ComputedScoresSpec.of(bench.backbone, wanted, "image", ["fc2"], bench.pixels)


def test_the_batch_size_changes_no_score(bench: Bench, tmp_path: Path) -> None:
    found = []
    for size in (3, 64):
        copy = tmp_path / f"copy{size}.py"
        copy.write_text(SHIFT.read_text() + f"\nSIZE = {size}\n")  # an artifact of its own
        made = spec(bench, copy)
        compute_scores.fn([made], bench.store, bench.backbone, size)
        found.append(read_scores(bench.store.path(made)))
    (first, attributes), (second, _) = found
    assert attributes == {"samples": 20, "excluded": 0}
    assert first.keys() == {
        layer.id for layer in find_layers(bench.backbone.model, "image", ["fc2"])
    }
    for id, score in first.items():
        torch.testing.assert_close(score, second[id])


def test_its_code_is_in_the_address_and_its_path_is_not(bench: Bench, tmp_path: Path) -> None:
    copy = tmp_path / "copy.py"
    shutil.copy(SHIFT, copy)
    there = spec(bench, copy)
    assert there.digest == spec(bench, SHIFT).digest
    copy.write_text("# only told\n" + copy.read_text())
    assert spec(bench, copy).digest == there.digest
    copy.write_text(copy.read_text().replace(".abs()", ".square()"))
    assert spec(bench, copy).digest != there.digest
    with pytest.raises(PluginError, match="has changed since"):
        compute_scores.fn([there], bench.store, bench.backbone, 64)


@pytest.mark.parametrize(
    ("body", "error", "said"),
    [
        ("{}", PluginError, r"a score of shape \(\d+,\) for image.00.fc2, by its id; it gave none"),
        ("{layer.id: torch.ones(3) for layer in layers}", PluginError, r"one of shape \(3,\)"),
        (
            "{x.id: x.weight(backbone.model)[0] * float('nan') for x in layers}",
            NonFiniteScoreError,
            "image.00.fc2 a score that is not finite",
        ),
    ],
)
def test_what_is_no_score_is_refused(
    body: str, error: type[Exception], said: str, bench: Bench, tmp_path: Path
) -> None:
    file = tmp_path / "own.py"
    file.write_text(f"import torch\n\ndef own(backbone, layers, **rest):\n    return {body}\n")
    with pytest.raises(error, match=said):
        compute_scores.fn([spec(bench, file, "own")], bench.store, bench.backbone, 64)
