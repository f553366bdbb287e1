"""Embeddings are the same whole or in shards."""

from __future__ import annotations

import pytest
import torch

import storage.store.shards
from storage.formats.embeddings import read_embeddings
from tasks.embed import EmbeddingsSpec, embed
from tests.makers.bench import Bench, embedded


def test_every_partition_has_a_row_per_sample_in_the_datas_order(bench: Bench) -> None:
    image, text = embedded(bench)
    samples = len(bench.source.rows)
    for spec, dim in ((image, 24), (text, 24)):
        found = read_embeddings(bench.store, spec)
        assert set(found) == {"safe", "unsafe"}
        assert {tuple(part.shape) for part in found.values()} == {(samples, dim)}
    safe, unsafe = read_embeddings(bench.store, image).values()
    assert not torch.equal(safe, unsafe)


def test_shards_are_read_as_one(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = embedded(bench)
    whole = read_embeddings(bench.store, made)
    bench.store.remove(str(made))
    monkeypatch.setattr(storage.store.shards, "SHARD", 8)
    spec = EmbeddingsSpec.of(bench.backbone, "image", None, bench.pixels)
    assert len(spec.shards) > 1
    embed.fn([*spec.shards, spec], bench.store, bench.backbone, 64)
    found = read_embeddings(bench.store, spec)
    assert set(found) == set(whole)
    assert all(torch.equal(found[name], whole[name]) for name in whole)
