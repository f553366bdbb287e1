"""Every family: where its layers are, what they read, and that editing them bites."""

from __future__ import annotations

from pathlib import Path

import open_clip
import pytest
import torch
import torch.nn.functional as F
from timm.models.eva import EvaBlock, EvaBlockPostNorm
from torch import Tensor, nn

from tests.makers.families import CASES, TEXTS, builtin_on_meta, image_tower
from uwm.errors import UnsupportedFamilyError
from uwm.families import FAMILIES, TOWERS, Tower, family_of
from uwm.layers import Layer, find_layers
from uwm.method.observe import as_tokens, observing
from uwm.method.statistics import RealTokens, token_moments

Case = tuple[nn.Module, Tensor, tuple[Layer, ...]]


@pytest.fixture(scope="module", params=list(CASES))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A network of every family, which each test leaves as it was."""
    model, inputs = CASES[request.param](tmp_path_factory.mktemp("case"))
    tower: Tower = "text" if request.param in TEXTS else "image"
    return model, inputs, find_layers(model, tower)


def seen_by(model: nn.Module, inputs: Tensor, layers: tuple[Layer, ...]) -> dict[str, Tensor]:
    seen: dict[str, Tensor] = {}

    def observer(layer: Layer, activation: Tensor) -> None:
        seen[layer.input] = as_tokens(activation, len(inputs), layer)

    with observing(model, layers, observer):
        model(inputs)
    return seen


def test_the_cases_cover_every_borrowed_family() -> None:
    covered = {name.partition(":")[0] for name in CASES}
    assert covered == {family.name for family in FAMILIES if family.model is not None}


def test_what_is_observed_is_what_every_layer_multiplies(case: Case) -> None:
    """Weight applied to the observed input, plus bias, is the layer's own output."""
    model, inputs, layers = case
    outputs: dict[str, Tensor] = {}
    stream: dict[str, Tensor] = {}
    handles = []
    for layer in layers:
        module = model.get_submodule(layer.parameter.removesuffix(".weight"))
        handles.append(
            module.register_forward_hook(
                lambda module, args, output, layer=layer: outputs.update({layer.parameter: output})
            )
        )
        block = model.get_submodule(layer.block)
        # What attention reads: a block that normalises afterwards hands it its own input.
        if isinstance(block, EvaBlockPostNorm):
            handles.append(
                block.register_forward_pre_hook(
                    lambda module, args, path=layer.block: stream.update({path: args[0]})
                )
            )
        elif isinstance(block, EvaBlock):
            handles.append(
                block.get_submodule("norm1").register_forward_hook(
                    lambda module, args, output, path=layer.block: stream.update({path: output})
                )
            )
    seen = seen_by(model, inputs, layers)
    for handle in handles:
        handle.remove()
    for layer in layers:
        weight = layer.weight(model)
        assert seen[layer.input].shape[-1] == weight.shape[1]
        if (
            layer.parameter not in outputs
        ):  # EVA multiplies by the weight of a module it never calls
            assert torch.equal(seen[layer.input], stream[layer.block])
            continue
        module = model.get_submodule(layer.parameter.removesuffix(".weight"))
        bias = module.bias
        assert bias is None or isinstance(bias, Tensor)
        output = as_tokens(outputs[layer.parameter], len(inputs), layer)
        if layer.site.third is not None:
            output = output.chunk(3, -1)[layer.site.third]
            bias = None if bias is None else bias.chunk(3)[layer.site.third]
        expected = F.linear(seen[layer.input], weight, bias)
        torch.testing.assert_close(output, expected, rtol=1e-4, atol=1e-5)


def test_embeddings_while_observed_are_the_untouched_models(case: Case) -> None:
    model, inputs, layers = case
    before = model(inputs)
    with observing(model, layers, lambda layer, activation: None):
        assert torch.equal(model(inputs), before)
    assert torch.equal(model(inputs), before)


def test_the_first_axis_is_the_sample(case: Case) -> None:
    """A sample's statistics are the same alone and in a batch, windows or not."""
    model, inputs, layers = case
    together = seen_by(model, inputs, layers)
    for sample in range(len(inputs)):
        alone = seen_by(model, inputs[sample : sample + 1], layers)
        for name, activation in together.items():
            torch.testing.assert_close(
                token_moments(activation, RealTokens.every(len(activation), activation)).norm[
                    sample
                ],
                token_moments(alone[name], RealTokens.every(1, alone[name])).norm[0],
                rtol=1e-3,
                atol=1e-5,
            )


def test_negating_any_layer_changes_the_embeddings(case: Case) -> None:
    model, inputs, layers = case
    before = model(inputs)
    for layer in layers:
        layer.weight(model).neg_()
        assert not torch.equal(model(inputs), before), layer.id
        layer.weight(model).neg_()
    assert torch.equal(model(inputs), before)


def test_a_wider_kernel_is_not_taken_for_a_linear_map() -> None:
    model, _ = image_tower("FastViT")
    block = find_layers(model, "image", ("fc1",))[0].block
    mlp = model.get_submodule(f"{block}.mlp")
    mlp.fc1 = nn.Conv2d(16, 32, 3)
    with pytest.raises(UnsupportedFamilyError, match=r"mlp\.fc1\.weight"):
        find_layers(model, "image")


@pytest.mark.parametrize("name", open_clip.list_models())
def test_every_builtin_configuration_resolves(name: str, tmp_path: Path) -> None:
    """The family told by the configuration is the one found in the model, in every block."""
    config = open_clip.get_model_config(name)
    model = builtin_on_meta(name, tmp_path)
    for tower in TOWERS:
        try:
            family = family_of(config, tower)
        except UnsupportedFamilyError:
            assert name.startswith("RN")
            with pytest.raises(UnsupportedFamilyError):
                find_layers(model, tower)
            continue
        layers = find_layers(model, tower)
        blocks = {layer.id.block: layer.block for layer in layers}
        assert sorted(blocks) == list(range(len(blocks)))
        assert all(layer.site in family.sites for layer in layers)
        for number in blocks:
            here = {layer.site for layer in layers if layer.id.block == number}
            absent = {site.role for site in family.sites if site not in here}
            assert absent <= family.sparse
            shapes = {
                str(layer.id): layer.weight(model).shape
                for layer in layers
                if layer.id.block == number
            }
            width = shapes[f"{tower}.{number:02d}.fc2"][0]
            for layer in (layer for layer in layers if layer.id.block == number):
                out, given = shapes[str(layer.id)]
                match layer.id.role:
                    case "query" | "key" | "value" | "fc1":
                        assert given == width
                    case "out" | "fc2":
                        assert out == width
