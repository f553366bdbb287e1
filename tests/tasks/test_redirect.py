"""Redirections from stored samples: equal to those from memory, undone to the bit, controlled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from storage.formats.embeddings import read_embeddings
from tasks.embed import EmbeddingsSpec, embed
from tasks.phrases import PhrasesSpec, tokenize_phrases
from tasks.pooled import PooledSpec, pool
from tasks.redirect import ProjectionSpec, RedirectSpec, redirect, redirect_projection
from tests.makers.bench import Bench, embedded
from uwm.config import Subset
from uwm.layers import LayerId
from uwm.method.edit_files import read_edit
from uwm.method.editing import AddedChange, Edit
from uwm.method.moments import Pooled, layer_moments, second_moment
from uwm.method.phrases import preserved_phrases
from uwm.method.pooling import pooled, redirected_layer
from uwm.method.redirect import redirection

POINT = {"strength": 1.5, "keep": 2.0, "ridge": 0.01}


@dataclass
class Redirecting:
    """A bench whose last text layer is captured, and what must not move."""

    bench: Bench
    pooled: PooledSpec
    preserved: PooledSpec

    def made(self, **settings: Any) -> Edit:
        spec = RedirectSpec(
            pooled=self.pooled,
            preserved=(self.preserved,),
            **{**POINT, **settings},
        )
        redirect.fn([spec], self.bench.store, self.bench.backbone)
        return read_edit(self.bench.store.path(spec))


@pytest.fixture
def redirecting(bench: Bench) -> Redirecting:
    layer = redirected_layer(bench.backbone.model, "text", "last")
    phrases = PhrasesSpec.of(bench.dataset, bench.backbone.tokenizer_digest, words=True)
    tokenize_phrases.fn([phrases], bench.store, bench.backbone)
    specs = [PooledSpec.of(bench.backbone, layer, inputs) for inputs in (bench.tokens, phrases)]
    pool.fn(specs, bench.store, bench.backbone, 64)
    return Redirecting(bench, *specs)


def change(edit: Edit) -> Tensor:
    (added,) = edit.added.values()
    return added.left @ added.right


@dataclass(frozen=True)
class Computed:
    """The bench's pairs, run when asked for."""

    bench: Bench
    rows: Tensor

    @property
    def samples(self) -> int:
        return len(self.rows)

    def read(self, partition: Literal["safe", "unsafe"], rows: slice) -> Pooled:
        texts = self.bench.source.texts[partition].iloc[self.rows.tolist()].tolist()
        layer = redirected_layer(self.bench.backbone.model, "text", "last")
        ids = self.bench.backbone.tokenize(texts[rows])
        return pooled(self.bench.backbone, "text", layer, ids)


def expected(bench: Bench, rows: Tensor) -> Tensor:
    layer = redirected_layer(bench.backbone.model, "text", "last")
    ids = bench.backbone.tokenize(preserved_phrases(bench.source.texts["safe"]))
    kept = pooled(bench.backbone, "text", layer, ids).reads
    preserved = second_moment(lambda part: kept[part], len(kept))
    return redirection(layer_moments(Computed(bench, rows)), [preserved], **POINT).change


def test_a_redirection_from_the_store_is_that_from_memory(redirecting: Redirecting) -> None:
    edit, bench = redirecting.made(), redirecting.bench
    assert list(edit.added) == [LayerId.parse(redirecting.pooled.layer)]
    every = torch.arange(len(bench.source.rows))
    torch.testing.assert_close(change(edit), expected(bench, every), rtol=1e-3, atol=1e-5)


def test_it_is_undone_to_the_bit(redirecting: Redirecting) -> None:
    model, edit = redirecting.bench.backbone.model, redirecting.made()
    before = {name: values.clone() for name, values in model.state_dict().items()}
    with edit.applied(model):
        changed = [
            name for name, values in model.state_dict().items() if not values.equal(before[name])
        ]
    assert len(changed) == 1
    assert all(values.equal(before[name]) for name, values in model.state_dict().items())


def test_a_part_of_the_pairs_makes_the_edit_of_that_part(redirecting: Redirecting) -> None:
    bench = redirecting.bench
    concept = bench.source.rows["concept"].iloc[0]
    edit = redirecting.made(dataset=bench.dataset, subset=Subset(without=(concept,)))
    rows = torch.from_numpy((bench.source.rows["concept"] != concept).to_numpy().nonzero()[0])
    torch.testing.assert_close(change(edit), expected(bench, rows), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("leads", ["swapped", "mispaired", "one way"])
def test_a_control_moves_unsafe_texts_as_far_and_elsewhere(
    redirecting: Redirecting, leads: str
) -> None:
    bench = redirecting.bench
    own, control, other = (
        change(redirecting.made(**settings))
        for settings in ({}, {"leads": leads, "seed": 0}, {"leads": leads, "seed": 1})
    )
    reads = Computed(bench, torch.arange(len(bench.source.rows))).read("unsafe", slice(None)).reads
    moved = [float((reads.double() @ each.T).norm()) for each in (own, control, other)]
    assert moved[1:] == pytest.approx([moved[0]] * 2, rel=0.01)
    alike = [
        float(torch.nn.functional.cosine_similarity(own.flatten(), each.flatten(), dim=0))
        for each in (control, other)
    ]
    assert max(alike) < 0.95
    assert not torch.allclose(control, other)


MAP = {"strength": 1.0, "keep": 10.0, "ridge": 0.001, "push": 0.4}


@dataclass
class Projecting:
    """A bench with the embeddings of its pairs and of phrases that must not move."""

    bench: Bench
    image: EmbeddingsSpec
    text: EmbeddingsSpec
    preserved: EmbeddingsSpec

    def spec(self, **settings: Any) -> ProjectionSpec:
        made_from = {"embedded": self.text, "other": self.image, "preserved": (self.preserved,)}
        return ProjectionSpec.model_validate({**made_from, **MAP, **settings})

    def made(self, **settings: Any) -> AddedChange:
        spec = self.spec(**settings)
        redirect_projection.fn([spec], self.bench.store, self.bench.backbone)
        change = read_edit(self.bench.store.path(spec)).projected
        assert change is not None
        return change


@pytest.fixture
def projecting(bench: Bench) -> Projecting:
    phrases = PhrasesSpec.of(bench.dataset, bench.backbone.tokenizer_digest, words=True)
    tokenize_phrases.fn([phrases], bench.store, bench.backbone)
    kept = EmbeddingsSpec.of(bench.backbone, "text", None, phrases)
    embed.fn([kept], bench.store, bench.backbone, 64)
    return Projecting(bench, *embedded(bench), kept)


def unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(values / np.linalg.norm(values, axis=-1, keepdims=True), dtype=np.float64)


def test_a_stored_map_is_the_least_squares_solution_of_least_rank(projecting: Projecting) -> None:
    """Against numpy, from the embeddings to the weights that are stored, with no code of ours."""
    bench, change = projecting.bench, projecting.made()
    found = {
        name: {part: values.double().numpy() for part, values in embeddings.items()}
        for name, spec in vars(projecting).items()
        if isinstance(spec, EmbeddingsSpec)
        for embeddings in [read_embeddings(bench.store, spec)]
    }
    safe, unsafe = (found["text"][part] for part in ("safe", "unsafe"))
    (kept,) = found["preserved"].values()
    middle = unit(np.concatenate(list(found["image"].values())).mean(0))
    pairs, dim = safe.shape
    level = (1 + 2 * MAP["keep"]) / dim
    still = [rows * np.sqrt(MAP["keep"] / len(rows)) for rows in (safe, kept)]
    anchor = np.sqrt(MAP["ridge"] * level) * np.eye(dim)
    led = safe - MAP["push"] * middle
    solution = np.linalg.lstsq(
        np.concatenate([unsafe / np.sqrt(pairs), *still, anchor]),
        np.concatenate([led / np.sqrt(pairs), *still, anchor]),
        rcond=None,
    )[0].T - np.eye(dim)
    moved = unsafe @ solution.T
    _, sizes, ways = np.linalg.svd(moved, full_matrices=False)
    shares = np.cumsum(sizes**2) / np.sum(sizes**2)
    rank = int(np.sum(shares < 0.999)) + 1
    cut = ways[:rank].T @ ways[:rank] @ solution
    projection = bench.backbone.model.get_parameter("text_projection")
    weight = projection.detach().double().numpy().T
    assert change.left.shape[1] == rank
    np.testing.assert_allclose((change.left @ change.right).numpy(), cut @ weight, atol=1e-6)
    np.testing.assert_allclose(change.edited.numpy(), weight + cut @ weight, atol=1e-6)


def test_a_map_is_undone_to_the_bit(projecting: Projecting) -> None:
    model, spec = projecting.bench.backbone.model, projecting.spec()
    redirect_projection.fn([spec], projecting.bench.store, projecting.bench.backbone)
    edit = read_edit(projecting.bench.store.path(spec))
    before = {name: values.clone() for name, values in model.state_dict().items()}
    with edit.applied(model):
        changed = [
            name for name, values in model.state_dict().items() if not values.equal(before[name])
        ]
    assert changed == ["text_projection"]
    assert all(values.equal(before[name]) for name, values in model.state_dict().items())


@pytest.mark.parametrize(("batch", "rtol"), [(64, 1e-10), (1, 1e-4)])
def test_shards_and_batches_make_the_same_map(
    projecting: Projecting, monkeypatch: pytest.MonkeyPatch, batch: int, rtol: float
) -> None:
    """To the bit but for the last one of embeddings, which the batch decides."""
    whole, bench = projecting.made(), projecting.bench
    bench.store.remove(str(projecting.text))
    bench.store.remove(str(projecting.spec()))
    monkeypatch.setattr("storage.store.shards.SHARD", 5)
    joined = EmbeddingsSpec.of(bench.backbone, "text", None, bench.tokens)
    assert len(joined.shards) == 4
    embed.fn([*joined.shards, joined], bench.store, bench.backbone, batch)
    again = projecting.made()
    one, other = (change.left @ change.right for change in (whole, again))
    torch.testing.assert_close(one, other, rtol=rtol, atol=rtol * float(one.abs().max()))


@pytest.mark.parametrize("leads", ["swapped", "mispaired", "one way"])
def test_a_control_moves_unsafe_embeddings_as_far_and_elsewhere(
    projecting: Projecting, leads: str
) -> None:
    own, control, other = (
        projecting.made(**settings)
        for settings in ({}, {"leads": leads, "seed": 0}, {"leads": leads, "seed": 1})
    )
    inverse = torch.linalg.pinv(own.originals.double())
    unsafe = read_embeddings(projecting.bench.store, projecting.text)["unsafe"].double()
    maps = [each.left @ each.right @ inverse for each in (own, control, other)]
    moved = [float((unsafe @ each.T).norm()) for each in maps]
    assert moved[1:] == pytest.approx([moved[0]] * 2, rel=0.01)
    assert not torch.allclose(maps[0], maps[1])
    assert not torch.allclose(maps[1], maps[2])
