"""The pooled token is the one that the embedding is made of, and a layer's change arrives there."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from open_clip.hf_model import HFTextEncoder
from torch import Tensor, nn

from tests.makers.backbones import LoadFresh
from tests.makers.families import TEXTS, text_tower
from uwm.backbones.backbone import Backbone
from uwm.errors import UnknownBlockError, UnsupportedFamilyError
from uwm.families import TOWERS, Tower
from uwm.layers import Layer, find_layers
from uwm.method.editing import add_changes
from uwm.method.moments import LayerMoments
from uwm.method.pooling import check_added, pool_weights, pooled, redirected_layer
from uwm.method.redirect import cut_rank, redirect_layer

PHRASES = ["a knife", "two red birds on a green table by the sea", "x", "a toy gun in a garden"]


def inputs(backbone: Backbone, tower: Tower) -> Tensor:
    if tower == "text":
        return backbone.tokenize(PHRASES)
    shape = (4, 3, 32, 32)
    return torch.randint(0, 255, shape, dtype=torch.uint8, generator=torch.manual_seed(0))


def last(model: nn.Module, tower: Tower) -> Layer:
    return find_layers(model, tower, ["fc2"])[-1]


def moved_by(model: nn.Module, block: str, embed: object, push: Tensor | None) -> Tensor:
    """Embeddings with `push` added behind a block, (samples, tokens), to a width of its own."""

    def after(module: nn.Module, given: object, output: object) -> object:
        stream = output if isinstance(output, Tensor) else output[0]  # type: ignore[index]
        width = torch.linspace(-1, 1, stream.shape[-1], dtype=stream.dtype)
        stream = stream + push.to(stream.dtype).unsqueeze(-1) * width  # type: ignore[union-attr]
        return stream if isinstance(output, Tensor) else (stream, *output[1:])  # type: ignore[index]

    handle = model.get_submodule(block).register_forward_hook(after) if push is not None else None
    try:
        with torch.no_grad():
            found: Tensor = embed()  # type: ignore[operator]
            return found
    finally:
        if handle is not None:
            handle.remove()


def check_pooling(model: nn.Module, block: str, weights: Tensor, embed: object) -> None:
    """A push of tokens without weight moves nothing, one of those with weight does."""
    torch.testing.assert_close(weights.sum(1), torch.ones(len(weights), dtype=torch.float64))
    before = moved_by(model, block, embed, None)
    silent = moved_by(model, block, embed, (weights == 0).double())
    heard = moved_by(model, block, embed, (weights > 0).double())
    torch.testing.assert_close(silent, before, rtol=0, atol=1e-6)
    assert ((heard - before).abs().amax(1) > 1e-4).all()


@pytest.mark.parametrize("tower", TOWERS)
def test_only_pooled_tokens_reach_the_embedding(backbone: Backbone, tower: Tower) -> None:
    given, layer = inputs(backbone, tower), last(backbone.model, tower)
    tokens = []
    hook = backbone.model.get_submodule(layer.block).register_forward_hook(
        lambda _, __, output: tokens.append(output.shape[1])
    )
    backbone.forward(tower, given)
    hook.remove()
    weights = pool_weights(backbone.model, tower, given, tokens[0])
    check_pooling(backbone.model, layer.block, weights, lambda: backbone.forward(tower, given))


@pytest.mark.parametrize("pooler", ["mean_pooler", "cls_last_hidden_state_pooler"])
@pytest.mark.parametrize("case", TEXTS)
def test_only_pooled_tokens_of_borrowed_towers_do(case: str, pooler: str, tmp_path: Path) -> None:
    model, ids = text_tower(case, tmp_path)
    text = model.get_submodule("text")
    assert isinstance(text, HFTextEncoder)
    shape = {"output_dim": 12, "proj_type": "linear", "pretrained": False}
    text.pooler = HFTextEncoder(str(tmp_path), pooler_type=pooler, **shape).pooler
    weights = pool_weights(model, "text", ids, ids.shape[1])
    check_pooling(model, last(model, "text").block, weights, lambda: model(ids))


@pytest.mark.parametrize("pool", ["first", "last", "argmax", "eos"])
def test_texts_pool_where_their_configuration_says(load_fresh: LoadFresh, pool: str) -> None:
    backbone = load_fresh("siglip")
    text = backbone.model.get_submodule("text")
    text.pool_type, text.eos_id = pool, backbone.tokenizer.eot_token_id  # type: ignore[assignment]
    given = inputs(backbone, "text")
    weights = pool_weights(backbone.model, "text", given, given.shape[1])
    block = last(backbone.model, "text").block
    check_pooling(backbone.model, block, weights, lambda: backbone.forward("text", given))
    text.pool_type = "none"  # type: ignore[assignment]
    with pytest.raises(UnsupportedFamilyError, match="pools its tokens by 'none'"):
        pool_weights(backbone.model, "text", given, given.shape[1])


@pytest.mark.parametrize("family", ["clip", "coca", "siglip"])
def test_a_change_of_the_last_layer_moves_the_pooled_stream_by_what_it_says(
    load_fresh: LoadFresh, family: str
) -> None:
    """With as many nodes as pairs are few, unsafe texts arrive where their safe pairs are."""
    backbone = load_fresh(family)
    layer = last(backbone.model, "text")
    safe, unsafe = (backbone.tokenize(texts) for texts in (PHRASES[:2], PHRASES[2:]))
    before = [pooled(backbone, "text", layer, part) for part in (safe, unsafe)]
    moments = LayerMoments.empty(before[0].reads.shape[1], before[0].stream.shape[1])
    moments.update(*before)
    factors = cut_rank(redirect_layer(moments, ridge=1e-6), moments.unsafe)
    assert factors.rank <= 2
    edit = add_changes(backbone.model, "text", {layer.id: (factors.left, factors.right)})
    with edit.applied(backbone.model):
        after = [pooled(backbone, "text", layer, part) for part in (safe, unsafe)]
    for was, now in zip(before, after, strict=True):
        expected = was.stream + was.reads @ factors.change.T.float()
        torch.testing.assert_close(now.stream, expected, rtol=1e-4, atol=1e-4)
    gap = (before[0].stream - before[1].stream).norm()
    assert (before[0].stream - after[1].stream).norm() < 0.2 * gap


@pytest.mark.parametrize("batch", [1, 3])
def test_batches_change_nothing_in_float64(load_fresh: LoadFresh, batch: int) -> None:
    backbone = load_fresh("clip")
    backbone.model.double()
    layer, given = last(backbone.model, "text"), inputs(backbone, "text")
    one, several = (pooled(backbone, "text", layer, given, size) for size in (None, batch))
    torch.testing.assert_close(several.reads, one.reads, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(several.stream, one.stream, rtol=1e-10, atol=1e-12)


def test_a_layer_in_front_of_a_norm_is_refused(load_fresh: LoadFresh) -> None:
    backbone = load_fresh("clip")
    layer = last(backbone.model, "text")
    block = backbone.model.get_submodule(layer.block)
    block.ls_2 = nn.LayerNorm(32)
    with pytest.raises(UnsupportedFamilyError, match="not added to the residual stream"):
        check_added(backbone, "text", layer, inputs(backbone, "text")[:1])


@pytest.mark.parametrize("family", ["clip", "coca", "siglip"])
@pytest.mark.parametrize("tower", TOWERS)
def test_every_familys_last_fc2_is_added_to_its_stream(
    load_fresh: LoadFresh, family: str, tower: Tower
) -> None:
    backbone = load_fresh(family)
    layer = redirected_layer(backbone.model, tower, "last")
    check_added(backbone, tower, layer, inputs(backbone, tower)[:1])


def test_a_layer_is_named_by_its_block_or_as_the_last(load_fresh: LoadFresh) -> None:
    model = load_fresh("clip").model
    every = find_layers(model, "text", ["fc2"])
    assert [redirected_layer(model, "text", layer.id.block) for layer in every] == list(every)
    assert redirected_layer(model, "text", "last") == every[-1]
    with pytest.raises(UnknownBlockError):
        redirected_layer(model, "text", 99)
