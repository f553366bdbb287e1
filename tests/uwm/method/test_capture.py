from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from uwm.backbones.backbone import Backbone
from uwm.families import ROLES, TOWERS, Tower
from uwm.layers import find_layers
from uwm.method.capture import capture
from uwm.method.observe import observing

TEXTS = ["a cat", "a dog with a ball in the park", "a", "a man holding an umbrella at night"]


def inputs(backbone: Backbone, tower: Tower) -> Tensor:
    if tower == "text":
        return backbone.tokenize(TEXTS)
    generator = torch.Generator().manual_seed(2)
    return torch.randint(0, 255, (4, 3, 32, 32), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("tower", TOWERS)
def test_the_batch_size_changes_nothing(backbone: Backbone, tower: Tower, batch: int) -> None:
    layers, x = find_layers(backbone.model, tower, ROLES), inputs(backbone, tower)
    whole = capture(backbone, tower, layers, x)
    parts = capture(backbone, tower, layers, x, batch)
    for name, expected in whole.items():
        torch.testing.assert_close(parts[name], expected, rtol=1e-4, atol=1e-5)


def test_texts_count_their_real_tokens_only(backbone: Backbone) -> None:
    """A naive loop over each text's own tokens: up to end-of-text, and CoCa's class token."""
    layers = find_layers(backbone.model, "text", ("fc2",))
    ids = inputs(backbone, "text")
    seen: dict[str, Tensor] = {}
    with observing(backbone.model, layers, lambda layer, x: seen.update({layer.reads: x})):
        backbone.forward("text", ids)
    found = capture(backbone, "text", layers, ids)
    for layer in layers:
        x = seen[layer.reads]
        for sample, row in enumerate(ids.tolist()):
            end = row.index(max(row))
            real = list(range(end + 1)) + ([len(row)] if x.shape[1] > len(row) else [])
            torch.testing.assert_close(
                found[layer.input].norm[sample], x[sample, real].norm(dim=0), rtol=1e-4, atol=1e-6
            )
            torch.testing.assert_close(
                found[layer.input].std[sample], x[sample, real].std(dim=0), rtol=1e-3, atol=1e-6
            )


def test_a_module_that_the_model_calls_twice_counts_both_inputs(
    load_fresh: Callable[[str], Backbone],
) -> None:
    backbone = load_fresh("clip")
    blocks = backbone.model.get_submodule("visual.transformer.resblocks")
    assert isinstance(blocks, nn.ModuleList)
    blocks[1] = blocks[0]  # shared weights, as in ALBERT
    layers, pixels = find_layers(backbone.model, "image", ("fc2",))[:1], inputs(backbone, "image")
    calls: list[Tensor] = []
    with observing(backbone.model, layers, lambda layer, x: calls.append(x.clone())):
        backbone.forward("image", pixels)
    assert len(calls) == 2
    x = torch.cat(calls, 1)
    found = capture(backbone, "image", layers, pixels, 3)[layers[0].input]
    torch.testing.assert_close(found.norm, x.norm(dim=1))
    torch.testing.assert_close(found.std, x.std(1), rtol=1e-4, atol=1e-6)


def test_shapes_and_names(backbone: Backbone) -> None:
    layers = find_layers(backbone.model, "image", ROLES)
    found = capture(backbone, "image", layers, inputs(backbone, "image"))
    assert set(found) == {layer.input for layer in layers}
    for layer in layers:
        width = layer.weight(backbone.model).shape[1]
        assert found[layer.input].norm.shape == found[layer.input].std.shape == (4, width)
