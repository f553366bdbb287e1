import torch

from storage.edits import read_edit
from tasks.capture import StatisticsSpec, capture_statistics
from tasks.edit import EditSpec, RandomEditSpec, edit
from tasks.score import ScoresSpec, score
from tests.bench import Bench
from uwm.editing import Edit


def edits(bench: Bench, rule: str, share: float) -> tuple[Edit, Edit, Edit]:
    """An edit and two random ones like it."""
    statistics = StatisticsSpec.of(bench.backbone, "text", ("fc2",), bench.tokens)
    kind = "node" if rule == "nodes" else "ratio"
    scores = ScoresSpec.of(statistics, kind, ("fc2",))  # type: ignore[arg-type]
    made = EditSpec.of(scores, rule, share, -1.0)  # type: ignore[arg-type]
    specs = [made, *(RandomEditSpec.of(made, seed) for seed in (0, 1))]
    capture_statistics.fn([statistics], bench.store, bench.backbone, 64)
    score.fn([scores], bench.store, bench.backbone)
    edit.fn(specs, bench.store, bench.backbone)
    one, first, second = (read_edit(bench.store.path("edits", spec.digest)) for spec in specs)
    return one, first, second


def test_a_control_has_the_methods_size_layer_by_layer(bench: Bench) -> None:
    for rule, share in (("mass", 0.05), ("nodes", 0.1)):
        made, first, second = edits(bench, rule, share)
        for id, layer in made.layers.items():
            assert len(first.layers[id].indices) == len(layer.indices)
            assert first.layers[id].unit == layer.unit
            assert not torch.equal(first.layers[id].indices, second.layers[id].indices)


def test_a_larger_tau_is_another_edit_of_the_same_scores(bench: Bench) -> None:
    small, _, _ = edits(bench, "mass", 0.02)
    large, _, _ = edits(bench, "mass", 0.1)
    for id, layer in small.layers.items():
        assert set(layer.indices.tolist()) < set(large.layers[id].indices.tolist())
