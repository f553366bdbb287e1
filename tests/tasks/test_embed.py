import dataclasses

import pytest
import torch

from storage.formats.embeddings import read_embeddings
from tasks.capture import StatisticsSpec
from tasks.embed import EmbeddingsSpec, embed
from tests.makers.bench import Bench, edit_specs
from uwm.errors import NotFiniteError
from uwm.families import TOWERS
from uwm.method.edit_files import read_edit


def test_embeddings_are_the_backbones_own(bench: Bench) -> None:
    for tower, inputs in zip(TOWERS, (bench.pixels, bench.tokens), strict=True):
        spec = EmbeddingsSpec.of(bench.backbone, tower, None, inputs)
        embed.fn([spec], bench.store, bench.backbone, 7)
        found = read_embeddings(bench.store, spec)
        assert set(found) == {"safe", "unsafe"}
        for values in found.values():
            torch.testing.assert_close(values.norm(dim=1), torch.ones(20))
    ids = bench.backbone.tokenize(bench.source.texts["safe"].tolist())
    torch.testing.assert_close(found["safe"], bench.backbone.encode("text", ids), atol=1e-6, rtol=0)


def test_an_edit_is_in_place_while_embedding_and_gone_after(bench: Bench) -> None:
    made, *_ = edit_specs(bench, "mass", 0.2)
    before = {name: value.clone() for name, value in bench.backbone.model.state_dict().items()}
    spec = EmbeddingsSpec(
        code="",
        tower="text",
        weights="",
        precision="fp32",
        edit=made,
        data=bench.tokens,
    )
    embed.fn([spec], bench.store, bench.backbone, 64)
    after = bench.backbone.model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    ids = bench.backbone.tokenize(bench.source.texts["unsafe"].tolist())
    with read_edit(bench.store.path(made)).applied(bench.backbone.model):
        expected = bench.backbone.encode("text", ids)
    found = read_embeddings(bench.store, spec)["unsafe"]
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
    assert not torch.allclose(found, bench.backbone.encode("text", ids), atol=1e-4)


def test_a_tower_that_computes_nan_is_an_error(bench: Bench) -> None:
    weights = dict(bench.backbone.model.named_parameters())["visual.ln_post.weight"]
    with torch.no_grad():
        weights[0] = float("nan")
    spec = EmbeddingsSpec.of(bench.backbone, "image", None, bench.pixels)
    with pytest.raises(NotFiniteError, match="20 of 20 samples in fp32"):
        embed.fn([spec], bench.store, bench.backbone, 7)
    assert not bench.store.complete(spec)


def test_precision_is_part_of_what_embeddings_and_statistics_are(bench: Bench) -> None:
    half = dataclasses.replace(bench.backbone, precision="bf16")
    both = (bench.backbone, half)
    embeddings = {EmbeddingsSpec.of(one, "text", None, bench.tokens).digest for one in both}
    statistics = {StatisticsSpec.of(one, "text", ("fc2",), bench.tokens)[0].digest for one in both}
    assert (len(embeddings), len(statistics)) == (2, 2)
