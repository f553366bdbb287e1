import torch

from tasks.capture import StatisticsSpec, capture_statistics
from tasks.edit import ControlEditSpec, EditSpec, LayerwiseEditSpec, edit
from tasks.score import ScoresSpec, score
from tests.makers.bench import Bench, edits
from uwm.config.methods.requests import Draw, Rule
from uwm.layers import LayerId
from uwm.method.edit_files import read_edit


def test_a_control_has_the_methods_size_layer_by_layer(bench: Bench) -> None:
    points: tuple[tuple[Rule, float], ...] = (("mass", 0.05), ("nodes", 0.1))
    for rule, share in points:
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


def node_scores(bench: Bench) -> ScoresSpec:
    statistics = StatisticsSpec.of(bench.backbone, "text", ("fc2",), bench.tokens)
    scores = ScoresSpec.of(statistics, "node", "ratio", ("fc2",))
    capture_statistics.fn(statistics, bench.store, bench.backbone, 64)
    score.fn([scores], bench.store, bench.backbone)
    return scores


def test_only_the_blocks_asked_for_are_edited(bench: Bench) -> None:
    spec = EditSpec(scores=node_scores(bench), rule="nodes", share=0.1, alpha=-1.0, blocks=[1])
    edit.fn([spec], bench.store, bench.backbone)
    made = read_edit(bench.store.path(spec))
    assert [id.block for id in made.layers] == [1]


def test_layers_may_have_shares_and_factors_of_their_own(bench: Bench) -> None:
    scores = node_scores(bench)
    points = {
        LayerId("text", 0, "fc2"): (0.1, -1.0),
        LayerId("text", 1, "fc2"): (0.2, -3.0),
    }
    spec = LayerwiseEditSpec(scores=scores, rule="nodes", layers=points)
    control = ControlEditSpec(like=spec, draw=Draw("number", 0))
    edit.fn([spec, control], bench.store, bench.backbone)
    for made in (read_edit(bench.store.path(one)) for one in (spec, control)):
        assert {id: layer.alpha for id, layer in made.layers.items()} == {
            id: alpha for id, (_, alpha) in points.items()
        }
        first, second = (len(made.layers[id].indices) for id in points)
        assert second > first
    for id, (share, alpha) in points.items():
        alone = EditSpec(scores=scores, rule="nodes", share=share, alpha=alpha, blocks=[id.block])
        edit.fn([alone], bench.store, bench.backbone)
        expected = read_edit(bench.store.path(alone)).layers[id]
        made = read_edit(bench.store.path(spec))
        assert torch.equal(made.layers[id].indices, expected.indices)
