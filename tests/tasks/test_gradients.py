from pathlib import Path

import pytest
import torch

import tasks.gradients
from storage.formats.samples import SampleArrays
from storage.formats.scores import read_scores
from storage.store.spec import Spec
from storage.store.store import Store
from tasks.edit import ControlEditSpec, EditSpec, edit
from tasks.embed import EmbeddingsSpec, embed
from tasks.gradients import GradientScoresSpec, score_gradients
from tests.makers.bench import Bench
from uwm.backbones.backbone import Backbone
from uwm.config import GradientKind
from uwm.config.methods.requests import Draw
from uwm.families import TOWERS, Role, Tower
from uwm.layers import find_layers
from uwm.method.edit_files import read_edit
from uwm.method.gradients import GradientScore, held_fixed

ROLES: tuple[Role, ...] = ("out", "query")


def spec(
    bench: Bench, tower: Tower, kind: GradientKind = "g_safe_clip", batch_size: int = 3
) -> GradientScoresSpec:
    """Scores of a tower; the embeddings that they need are made."""
    reads = {"image": bench.pixels, "text": bench.tokens}
    embeddings = {
        whose: EmbeddingsSpec.of(bench.backbone, whose, None, reads[whose])
        for whose, _ in held_fixed(kind, tower)
    }
    embed.fn(list(embeddings.values()), bench.store, bench.backbone, 7)
    return GradientScoresSpec.of(
        bench.backbone, tower, kind, ROLES, reads[tower], embeddings, batch_size
    )


def contents(store: Store, wanted: GradientScoresSpec) -> dict[Path, bytes]:
    folder = store.path(wanted)
    return {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.fixture
def portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """20 pairs in batches of 3 are four portions of 6 or fewer, kept after each."""
    monkeypatch.setattr(tasks.gradients, "CHUNK", 6)
    monkeypatch.setattr(tasks.gradients, "KEEP_SECONDS", 0.0)


@pytest.mark.usefixtures("portions")
@pytest.mark.parametrize("kind", ["g_unsafe", "g_safe_clip"])
@pytest.mark.parametrize("tower", TOWERS)
def test_what_is_stored_is_what_feeding_every_batch_gives(
    bench: Bench, tower: Tower, kind: GradientKind
) -> None:
    wanted = spec(bench, tower, kind)
    score_gradients.fn([wanted], bench.store, bench.backbone)
    found, attributes = read_scores(bench.store.path(wanted))
    assert attributes == {"samples": 20, "excluded": 0, "gradient_batch_size": 3}
    layers = find_layers(bench.backbone.model, tower, ROLES)
    scorer = GradientScore(bench.backbone, tower, layers, kind)

    def read(spec: Spec, partition: str) -> tuple[torch.Tensor, ...]:
        arrays = SampleArrays(bench.store.path(spec))
        return torch.split(torch.from_numpy(arrays.read(partition)), 3)

    embeddings = dict(wanted.embeddings)
    safe = read(wanted.data, "safe")
    fixed = [read(embeddings[whose], part) for whose, part in held_fixed(kind, tower)]
    for batch in zip(safe, *fixed, strict=True):
        scorer.update(*batch)
    expected = scorer.result()
    assert set(found) == set(expected)
    assert all(torch.equal(score, expected[id]) for id, score in found.items())


@pytest.mark.usefixtures("portions")
def test_scores_that_were_cut_off_go_on_and_end_with_the_same_bytes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = spec(bench, "text")
    score_gradients.fn([wanted], bench.store, bench.backbone)
    expected = contents(bench.store, wanted)
    assert not [path for path in expected if path.name.startswith("sums")]
    bench.store.remove(str(wanted))

    passes: list[int] = []
    differentiable = Backbone.differentiable

    def counted(self: Backbone, tower: Tower, inputs: torch.Tensor) -> torch.Tensor:
        passes.append(len(inputs))
        if len(passes) == 6:
            raise KeyboardInterrupt
        return differentiable(self, tower, inputs)

    monkeypatch.setattr(Backbone, "differentiable", counted)
    with pytest.raises(KeyboardInterrupt):
        score_gradients.fn([wanted], bench.store, bench.backbone)
    (draft,) = bench.store.drafts()
    (draft / ".standing-12").write_bytes(b"half a file")  # killed while it kept them
    score_gradients.fn([wanted], bench.store, bench.backbone)
    # Two portions of 6 were whole, and are not run again.
    assert passes[6:] == [3, 3, 2]
    assert contents(bench.store, wanted) == expected


@pytest.mark.usefixtures("portions")
def test_sums_that_are_damaged_are_begun_anew(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = spec(bench, "image", "g_unsafe")
    score_gradients.fn([wanted], bench.store, bench.backbone)
    expected = contents(bench.store, wanted)
    bench.store.remove(str(wanted))
    draft = bench.store.root / f"{wanted}.draft"
    draft.mkdir()
    (draft / "standing").write_bytes(b"half a file")
    (draft / "scores.zarr").mkdir()  # killed while it wrote the scores
    (draft / "scores.zarr" / "zarr.json").write_text("{")
    score_gradients.fn([wanted], bench.store, bench.backbone)
    assert contents(bench.store, wanted) == expected


def test_a_damaged_artifact_is_computed_again(bench: Bench) -> None:
    wanted = spec(bench, "image")
    score_gradients.fn([wanted], bench.store, bench.backbone)
    expected = contents(bench.store, wanted)
    folder = bench.store.path(wanted)
    chunk = max(folder.rglob("c/*/*"))
    chunk.write_bytes(chunk.read_bytes()[:-1])
    assert not bench.store.complete(wanted)
    score_gradients.fn([wanted], bench.store, bench.backbone)
    assert contents(bench.store, wanted) == expected


def test_embeddings_in_shards_are_read_across(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = spec(bench, "image")
    score_gradients.fn([wanted], bench.store, bench.backbone)
    expected, _ = read_scores(bench.store.path(wanted))
    monkeypatch.setattr("storage.store.shards.SHARD", 8)
    reads = {"image": bench.pixels, "text": bench.tokens}
    wholes = {}
    for whose in TOWERS:
        whole = EmbeddingsSpec.of(bench.backbone, whose, None, reads[whose])
        assert len(whole.shards) == 3
        bench.store.remove(str(whole))
        embed.fn([*whole.shards, whole], bench.store, bench.backbone, 7)
        wholes[whose] = whole
    sharded = GradientScoresSpec.of(
        bench.backbone, "image", "g_safe_clip", ROLES, bench.pixels, wholes, 3
    )
    bench.store.remove(str(sharded))
    score_gradients.fn([sharded], bench.store, bench.backbone)
    found, _ = read_scores(bench.store.path(sharded))
    for id, score in found.items():
        torch.testing.assert_close(score, expected[id])


def test_the_batch_size_of_gradients_is_part_of_the_address(bench: Bench) -> None:
    small, large = (spec(bench, "image", batch_size=size) for size in (2, 20))
    assert small.digest != large.digest
    score_gradients.fn([small, large], bench.store, bench.backbone)
    found, other = (read_scores(bench.store.path(one))[0] for one in (small, large))
    assert not any(torch.allclose(score, other[id]) for id, score in found.items())


def test_edits_and_controls_are_made_of_them_as_of_any_scores(bench: Bench) -> None:
    scores = spec(bench, "text")
    made = EditSpec(scores=scores, rule="count", share=0.1, alpha=0.0)
    control = ControlEditSpec(like=made, draw=Draw("number", 0))
    score_gradients.fn([scores], bench.store, bench.backbone)
    edit.fn([made, control], bench.store, bench.backbone)
    one, drawn = (read_edit(bench.store.path(each)) for each in (made, control))
    for id, layer in one.layers.items():
        assert (layer.alpha, layer.unit) == (0.0, "weight")
        assert len(drawn.layers[id].indices) == len(layer.indices) > 0
