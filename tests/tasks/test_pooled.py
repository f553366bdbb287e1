"""A layer at the pooled token is stored as the backbone computes it, in shards as in one."""

from __future__ import annotations

import pytest
import torch

from storage.formats.pooled import PooledArrays
from storage.store.shards import pieces
from tasks.pooled import PooledSpec, pool
from tests.makers.bench import Bench
from uwm.errors import UnsupportedFamilyError
from uwm.families import TOWERS, Tower
from uwm.method.pooling import pooled, redirected_layer


def arrays(bench: Bench, spec: PooledSpec) -> PooledArrays:
    return PooledArrays(pieces(bench.store, spec))


@pytest.mark.parametrize("tower", TOWERS)
def test_what_is_stored_is_what_the_backbone_computes(bench: Bench, tower: Tower) -> None:
    layer = redirected_layer(bench.backbone.model, tower, "last")
    inputs = bench.pixels if tower == "image" else bench.tokens
    spec = PooledSpec.of(bench.backbone, layer, inputs)
    pool.fn([spec], bench.store, bench.backbone, 7)
    found = arrays(bench, spec)
    assert sorted(found.partitions) == ["safe", "unsafe"]
    assert found.samples == len(bench.source.rows)
    if tower == "text":
        ids = bench.backbone.tokenize(bench.source.texts["unsafe"].tolist())
        expected = pooled(bench.backbone, tower, layer, ids, 7)
        read = found.read("unsafe", slice(0, found.samples))
        torch.testing.assert_close(read.reads, expected.reads, rtol=0, atol=1e-6)
        torch.testing.assert_close(read.stream, expected.stream, rtol=0, atol=1e-5)


def test_shards_are_read_as_one(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = redirected_layer(bench.backbone.model, "text", 0)
    whole = PooledSpec.of(bench.backbone, layer, bench.tokens)
    samples = len(bench.source.rows)
    pool.fn([whole], bench.store, bench.backbone, 64)
    one = arrays(bench, whole).read("safe", slice(0, samples))
    bench.store.remove(str(whole))
    monkeypatch.setattr("storage.store.shards.SHARD", 8)
    joined = PooledSpec.of(bench.backbone, layer, bench.tokens)
    pool.fn([*joined.shards, joined], bench.store, bench.backbone, 64)
    assert len(pieces(bench.store, joined)) == len(joined.shards) > 1
    other = arrays(bench, joined).read("safe", slice(0, samples))
    torch.testing.assert_close(one.reads, other.reads, rtol=0, atol=1e-6)
    torch.testing.assert_close(one.stream, other.stream, rtol=0, atol=1e-5)


def test_a_layer_that_does_not_reach_the_stream_leaves_nothing(bench: Bench) -> None:
    layer = redirected_layer(bench.backbone.model, "text", "last")
    block = bench.backbone.model.get_submodule(layer.block)
    block.ls_2 = torch.nn.LayerNorm(32)
    spec = PooledSpec.of(bench.backbone, layer, bench.tokens)
    with pytest.raises(UnsupportedFamilyError, match="not added to the residual stream"):
        pool.fn([spec], bench.store, bench.backbone, 64)
    assert not bench.store.complete(spec)
