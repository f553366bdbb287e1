import sys
from typing import get_args

import pytest
import torch

from storage.formats.scores import read_scores
from tasks.capture import StatisticsSpec, capture_statistics, read_statistics
from tasks.score import ScoresSpec, score
from tests.benchmarks.capture import scoring_memory
from tests.makers.bench import Bench
from uwm.config import NodeScoreKind, ScoreKind, Subset
from uwm.config.methods.requests import Unit
from uwm.layers import find_layers

KINDS = [("weight", kind) for kind in get_args(ScoreKind)]
KINDS += [("node", kind) for kind in get_args(NodeScoreKind)]


@pytest.mark.parametrize(("unit", "kind"), KINDS)
def test_scores_by_chunks_are_the_scores_of_all_samples(
    bench: Bench, unit: Unit, kind: ScoreKind | NodeScoreKind
) -> None:
    statistics = StatisticsSpec.of(bench.backbone, "text", ("fc2", "out"), bench.tokens)
    capture_statistics.fn(statistics, bench.store, bench.backbone, 64)
    wanted = ScoresSpec.of(statistics, unit, kind, ("out",), prior=unit == "weight")
    score.fn([wanted], bench.store, bench.backbone)
    found, attributes = read_scores(bench.store.path(wanted))
    assert attributes == {"samples": 20, "excluded": 0}
    arrays = read_statistics(bench.store, statistics)
    layers = find_layers(bench.backbone.model, "text", ("out",))
    assert set(found) == {layer.id for layer in layers}
    for layer in layers:
        scorer = wanted.scorer(layer.weight(bench.backbone.model))
        scorer.update(*arrays[layer.input][0].read(layer.input))
        torch.testing.assert_close(found[layer.id], scorer.result())


def test_a_part_of_the_pairs_is_scored_from_the_same_capture(bench: Bench) -> None:
    statistics = StatisticsSpec.of(bench.backbone, "text", ("fc2",), bench.tokens)
    capture_statistics.fn(statistics, bench.store, bench.backbone, 64)
    arrays = read_statistics(bench.store, statistics)
    concepts = bench.source.rows["concept"].astype(str)
    left_out = sorted(set(concepts))[0]
    part = bench.dataset, Subset(without=(left_out,))
    wanted = ScoresSpec.of(statistics, "node", "ratio", ("fc2",), part=part)
    score.fn([wanted], bench.store, bench.backbone)
    found, attributes = read_scores(bench.store.path(wanted))
    keep = torch.tensor((concepts != left_out).tolist())
    assert attributes["samples"] == int(keep.sum()) < len(concepts)
    for layer in find_layers(bench.backbone.model, "text", ("fc2",)):
        scorer = wanted.scorer(layer.weight(bench.backbone.model))
        scorer.update(*(side.rows(keep) for side in arrays[layer.input][0].read(layer.input)))
        torch.testing.assert_close(found[layer.id], scorer.result())


def test_scores_depend_on_the_statistics_that_they_read_and_on_no_others(bench: Bench) -> None:
    few, many = (
        StatisticsSpec.of(bench.backbone, "text", roles, bench.tokens)
        for roles in (("fc2",), ("query", "fc1", "fc2"))
    )
    specs = [ScoresSpec.of(captured, "node", "ratio", ("fc2",)) for captured in (few, many)]
    assert specs[0] == specs[1]


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
def test_peak_memory_does_not_depend_on_the_number_of_samples() -> None:
    """The statistics of a sample are 32 KiB there, so 4,096 of them would be 128 MiB."""
    scoring_memory(128)  # what the libraries take once
    few, many = scoring_memory(256), scoring_memory(4096)
    assert many < few + 32
