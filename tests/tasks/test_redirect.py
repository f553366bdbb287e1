"""Redirections from stored samples: equal to those from memory, undone to the bit, controlled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from tasks.phrases import PhrasesSpec, tokenize_phrases
from tasks.pooled import PooledSpec, pool
from tasks.redirect import RedirectSpec, redirect
from tests.makers.bench import Bench
from uwm.config import Subset
from uwm.layers import LayerId
from uwm.method.edit_files import read_edit
from uwm.method.editing import Edit
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
