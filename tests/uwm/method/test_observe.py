import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uwm.backbones.backbone import Backbone
from uwm.errors import LayerNotObservedError
from uwm.families import ROLES, TOWERS, Tower
from uwm.layers import find_layers
from uwm.method.observe import observing


def inputs(backbone: Backbone, tower: Tower) -> Tensor:
    if tower == "image":
        generator = torch.Generator().manual_seed(1)
        return torch.randint(0, 255, (3, 3, 32, 32), dtype=torch.uint8, generator=generator)
    return backbone.tokenize(["a cat", "a dog with a ball in the park", "a picture of something"])


@pytest.mark.parametrize("tower", TOWERS)
def test_what_is_observed_is_what_the_layer_multiplies(backbone: Backbone, tower: Tower) -> None:
    """Weight applied to the observed input, plus bias, is the layer's own output."""
    seen: dict[str, Tensor] = {}
    layers = find_layers(backbone.model, tower, ("out", "fc1", "fc2"))
    outputs: dict[str, Tensor] = {}
    handles = [
        backbone.model.get_submodule(layer.reads).register_forward_hook(
            lambda module, args, output, path=layer.reads: outputs.update({path: output})
        )
        for layer in layers
    ]
    with observing(backbone.model, layers, lambda layer, x: seen.update({layer.reads: x})):
        backbone.forward(tower, inputs(backbone, tower))
    for handle in handles:
        handle.remove()
    for layer in layers:
        bias = backbone.model.get_parameter(layer.parameter.replace("weight", "bias"))
        expected = F.linear(seen[layer.reads], layer.weight(backbone.model), bias)
        torch.testing.assert_close(outputs[layer.reads], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("tower", TOWERS)
def test_the_input_of_attention_is_the_normalised_stream(backbone: Backbone, tower: Tower) -> None:
    seen: dict[str, Tensor] = {}
    layers = find_layers(backbone.model, tower, ("query",))
    block = layers[0].reads.rsplit(".attn", 1)[0]
    name = "ln_1" if "resblocks" in block else "norm1"
    normalised: list[Tensor] = []
    handle = backbone.model.get_submodule(f"{block}.{name}").register_forward_hook(
        lambda module, args, output: normalised.append(output)
    )
    with observing(backbone.model, layers, lambda layer, x: seen.update({layer.reads: x})):
        backbone.forward(tower, inputs(backbone, tower))
    handle.remove()
    assert torch.equal(seen[layers[0].reads], normalised[0])


@pytest.mark.parametrize("tower", TOWERS)
def test_embeddings_while_observed_are_the_untouched_models(
    backbone: Backbone, tower: Tower
) -> None:
    x = inputs(backbone, tower)
    before = backbone.forward(tower, x)
    keys = list(backbone.model.state_dict())
    with observing(
        backbone.model, find_layers(backbone.model, tower, ROLES), lambda layer, x: None
    ):
        during = backbone.forward(tower, x)
    torch.testing.assert_close(during, before, rtol=0, atol=1e-5)
    assert torch.equal(backbone.forward(tower, x), before)
    assert list(backbone.model.state_dict()) == keys
    assert not any(
        module._forward_pre_hooks or "forward" in vars(module)
        for module in backbone.model.modules()
    )


def test_the_model_is_restored_when_the_pass_fails(backbone: Backbone) -> None:
    layers = find_layers(backbone.model, "text", ("out",))
    with (
        pytest.raises(RuntimeError, match="half-way"),
        observing(backbone.model, layers, lambda layer, x: None),
    ):
        raise RuntimeError("half-way")
    assert not any("forward" in vars(module) for module in backbone.model.modules())


def test_a_layer_that_was_not_observed_is_an_error(backbone: Backbone) -> None:
    layers = find_layers(backbone.model, "image", ("fc2",))
    with (
        pytest.raises(LayerNotObservedError, match=layers[0].reads.replace(".", r"\.")),
        observing(backbone.model, layers, lambda layer, x: None),
    ):
        backbone.forward("text", backbone.tokenize(["only the other tower"]))


def test_the_fused_attention_would_not_have_called_its_projection() -> None:
    """Why the patch exists; when this fails, torch has mended it and `_explicit` can go."""
    attention = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    called = []
    attention.out_proj.register_forward_pre_hook(lambda module, args: called.append(1))
    x = torch.randn(1, 3, 8)
    attention(x, x, x, need_weights=False)
    assert not called
