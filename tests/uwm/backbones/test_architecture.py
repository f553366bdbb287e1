import threading
from typing import Any

import open_clip
import pytest
import torch
from torch import nn

from tests.makers.backbones import MODELS
from uwm.backbones.architecture import Uninitialised, build, canonical, check_same_network
from uwm.errors import InputError
from uwm.families import TOWERS, Tower


@pytest.mark.parametrize("family", list(MODELS))
def test_a_network_is_open_clips_own_once_filled(family: str) -> None:
    config = MODELS[family]
    kinds = {"clip": open_clip.CLIP, "coca": open_clip.CoCa, "siglip": open_clip.CustomTextCLIP}
    arguments = {key: value for key, value in config.items() if key != "custom_text"}
    expected = kinds[family](**arguments).eval()
    model: Any = build(config)
    assert type(model) is type(expected)
    model.load_state_dict(expected.state_dict())
    buffers = dict(expected.named_buffers())  # some are in no checkpoint: the causal mask
    assert all(torch.equal(value, buffers[name]) for name, value in model.named_buffers())
    pixels = torch.rand(2, 3, 32, 32)
    expected.requires_grad_(False)
    found, wanted = model.encode_image(pixels), expected.encode_image(pixels)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)
    assert not any(value.requires_grad for value in model.parameters())


def test_parameters_are_reserved_and_never_filled_on_the_way() -> None:
    filled = []

    class Recorder(nn.Linear):
        def reset_parameters(self) -> None:
            super().reset_parameters()
            with torch.no_grad():
                filled.append(self.weight.fill_(3.0) is self.weight)

    with Uninitialised():
        layer = Recorder(8, 8)
        other: list[nn.Linear] = []
        thread = threading.Thread(target=lambda: other.append(nn.Linear(8, 8)))
        thread.start()
        thread.join()
    assert filled == [True]
    assert not (layer.weight == 3).all()
    assert other[0].weight.abs().sum() > 0  # the mode belongs to its thread


@pytest.mark.parametrize("tower", TOWERS)
def test_defaults_and_names_make_no_other_network(tower: Tower) -> None:
    bare = MODELS["clip"]
    spelt = {
        **bare,
        "quick_gelu": False,
        "init_logit_bias": -10,
        "vision_cfg": {**bare["vision_cfg"], "mlp_ratio": 4.0, "patch_dropout": 0.5},
        "text_cfg": {**bare["text_cfg"], "hf_tokenizer_name": "any/name", "mlp_ratio": 4},
    }
    assert canonical(spelt, tower) == canonical(bare, tower)


@pytest.mark.parametrize(
    ("changes", "towers"),
    [
        ({"quick_gelu": True}, {"image", "text"}),
        ({"vision_cfg": {**MODELS["clip"]["vision_cfg"], "head_width": 32}}, {"image"}),
        ({"text_cfg": {**MODELS["clip"]["text_cfg"], "heads": 4}}, {"text"}),
        (
            {"text_cfg": {**MODELS["clip"]["text_cfg"], "act_kwargs": {"approximate": "tanh"}}},
            {"text"},
        ),
    ],
)
def test_what_changes_an_embedding_is_another_network(
    changes: dict[str, object], towers: set[str]
) -> None:
    bare = MODELS["clip"]
    differing = {
        tower for tower in TOWERS if canonical({**bare, **changes}, tower) != canonical(bare, tower)
    }
    assert differing == towers


def test_weights_fit_their_own_network_only() -> None:
    clip = MODELS["clip"]
    check_same_network(clip, {**clip, "quick_gelu": False})
    with pytest.raises(InputError, match=r"another text tower \(layers 3 instead of 2\)"):
        check_same_network(clip, {**clip, "text_cfg": {**clip["text_cfg"], "layers": 3}})
