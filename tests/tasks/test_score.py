import sys

import pytest
import torch

from storage.scores import read_scores
from storage.statistics import StatisticsArrays
from tasks.capture import StatisticsSpec, capture_statistics
from tasks.score import ScoresSpec, score
from tests.bench import Bench
from tests.benchmarks.capture import scoring_memory
from uwm.layers import find_layers
from uwm.scoring import NodeScore, WeightScore


@pytest.mark.parametrize("kind", ["ratio", "unsafe_only", "difference", "node"])
def test_scores_by_chunks_are_the_scores_of_all_samples(bench: Bench, kind: str) -> None:
    statistics = StatisticsSpec.of(bench.backbone, "text", ("fc2", "out"), bench.tokens)
    capture_statistics.fn([statistics], bench.store, bench.backbone, 64)
    wanted = ScoresSpec.of(statistics, kind, ("out",), prior=kind != "node")  # type: ignore[arg-type]
    score.fn([wanted], bench.store, bench.backbone)
    found, attributes = read_scores(bench.store.path("scores", wanted.digest))
    assert attributes == {"samples": 20, "excluded": 0}
    arrays = StatisticsArrays(bench.store.path("statistics", statistics.digest))
    layers = find_layers(bench.backbone.model, "text", ("out",))
    assert set(found) == {layer.id for layer in layers}
    for layer in layers:
        weight = layer.weight(bench.backbone.model)
        scorer = (
            NodeScore(weight.shape[1]) if kind == "node" else WeightScore(weight, kind, prior=True)  # type: ignore[arg-type]
        )
        scorer.update(*arrays.read(layer.input))
        torch.testing.assert_close(found[layer.id], scorer.result())


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
def test_peak_memory_does_not_depend_on_the_number_of_samples() -> None:
    """The statistics of a sample are 32 KiB there, so 4,096 of them would be 128 MiB."""
    scoring_memory(128)  # what the libraries take once
    few, many = scoring_memory(256), scoring_memory(4096)
    assert many < few + 32
