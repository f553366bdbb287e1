import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import open_clip
import pytest
import torch
from open_clip import CustomTextCLIP
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoTokenizer, CLIPModel

from tests.makers.folders import loaded
from tests.makers.hugging_face import clip, save, siglip, small_trunk
from uwm.backbones.backbone import Backbone
from uwm.backbones.load import load
from uwm.backbones.write import Form, write_backbone
from uwm.config import DemoBackbone
from uwm.errors import InputError, UnsupportedFamilyError
from uwm.families import TOWERS
from uwm.layers import LayerId
from uwm.method.editing import Edit, make_edit


def edits(backbone: Backbone) -> list[Edit]:
    """One of each tower, with weights of every role that a name conversion treats differently."""
    selections = {
        tower: {
            LayerId(tower, block, role): torch.tensor([0, 5, 77 + block])
            for block in (0, 1)
            for role in ("query", "key", "value", "out", "fc1", "fc2")
        }
        for tower in TOWERS
    }
    return [
        make_edit(backbone.model, "image", selections["image"], -1),
        make_edit(backbone.model, "text", selections["text"], 0.3),
    ]


HF_ROLES = {
    "query": "self_attn.q_proj",
    "key": "self_attn.k_proj",
    "value": "self_attn.v_proj",
    "out": "self_attn.out_proj",
    "fc1": "mlp.fc1",
    "fc2": "mlp.fc2",
}


def test_an_edit_in_either_form_gives_the_same_weights_bit_for_bit(tmp_path: Path) -> None:
    """HF -> open_clip -> edit -> HF is editing the Hugging Face weights themselves."""
    source = save(clip(), tmp_path / "source")
    backbone = loaded(source)
    made = edits(backbone)
    expected = load_file(source / "model.safetensors")
    for edit in made:
        prefix = {"image": "vision_model", "text": "text_model"}[edit.tower]
        for id, layer in edit.layers.items():
            name = f"{prefix}.encoder.layers.{id.block}.{HF_ROLES[id.role]}.weight"
            expected[name].view(-1)[layer.indices] *= layer.alpha
        edit.apply(backbone.model)
    write_backbone(tmp_path / "hf", backbone, "hf")
    write_backbone(tmp_path / "open_clip", backbone, "open_clip")
    found = load_file(tmp_path / "hf" / "model.safetensors")
    assert set(found) == set(expected)
    assert all(torch.equal(found[name], value) for name, value in expected.items())

    again = {form: loaded(tmp_path / form) for form in ("hf", "open_clip")}
    for name, value in backbone.model.state_dict().items():
        for other in again.values():
            assert torch.equal(other.model.state_dict()[name], value)


@pytest.mark.parametrize("form", ["open_clip", "hf"])
def test_the_same_weights_in_another_form_share_artifacts(tmp_path: Path, form: Form) -> None:
    backbone = loaded(save(clip(), tmp_path / "source"))
    write_backbone(tmp_path / "copy", backbone, form)
    copy = loaded(tmp_path / "copy")
    assert copy.tokenizer_digest == backbone.tokenizer_digest
    assert (copy.geometry, copy.normalization) == (backbone.geometry, backbone.normalization)
    for tower in TOWERS:
        assert copy.tower_digest(tower) == backbone.tower_digest(tower)


@pytest.mark.parametrize("name", ["vit", "coca", "siglip"])
def test_a_backbone_reads_back_with_its_own_vocabulary(tmp_path: Path, name: str) -> None:
    backbone = load.__wrapped__(DemoBackbone(kind="demo", name=name))
    write_backbone(tmp_path / "copy", backbone, "open_clip", {"why": "test"})
    copy = loaded(tmp_path / "copy")
    assert copy.tokenizer_digest == backbone.tokenizer_digest
    assert (copy.geometry, copy.normalization) == (backbone.geometry, backbone.normalization)
    for tower in TOWERS:
        assert copy.tower_digest(tower) == backbone.tower_digest(tower)
    with safe_open(tmp_path / "copy" / "open_clip_model.safetensors", framework="pt") as file:
        assert file.metadata() == {"why": "test", "format": "pt"}


def test_open_clip_itself_loads_what_is_written(tmp_path: Path) -> None:
    backbone = loaded(save(clip(), tmp_path / "source"))
    write_backbone(tmp_path / "copy", backbone, "open_clip")
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{tmp_path / 'copy'}")
    pixels = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():  # as Backbone.forward: autograd takes attention's other path
        found = model.eval().encode_image(pixels)
    assert torch.equal(found, backbone.forward("image", pixels))
    assert tuple(transform.transforms[-1].mean) == backbone.normalization.mean


def test_transformers_itself_loads_what_is_written(tmp_path: Path) -> None:
    backbone = loaded(save(clip(), tmp_path / "source"))
    write_backbone(tmp_path / "copy", backbone, "hf")
    theirs = CLIPModel.from_pretrained(tmp_path / "copy")  # in eval mode
    texts = ["a cat", "A friendly fox, with an apple!"]
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "copy")
    ids = backbone.tokenize(texts)
    tokens = tokenizer(texts, padding="max_length", max_length=16, return_tensors="pt")
    for row, expected in zip(tokens["input_ids"], ids, strict=True):
        end = int(expected.argmax()) + 1
        assert row[:end].tolist() == expected[:end].tolist()
    with torch.no_grad():
        found = theirs.get_text_features(**tokens)
    found = getattr(found, "pooler_output", found)
    torch.testing.assert_close(found, backbone.forward("text", ids), rtol=0, atol=1e-5)


@pytest.fixture
def trunk() -> Iterator[None]:
    with small_trunk():
        yield


def test_siglip_keeps_its_activation_in_either_form(trunk: None, tmp_path: Path) -> None:
    """timm's own would be the exact GELU where Hugging Face's is the tanh form."""
    from uwm.backbones.architecture import build
    from uwm.backbones.hugging_face.config import to_model_config
    from uwm.backbones.hugging_face.names import to_open_clip
    from uwm.backbones.hugging_face.write import to_config
    from uwm.backbones.weight_files import fill

    source = siglip()
    config = to_model_config(source.config.to_dict())
    assert to_model_config(to_config(config)) == config
    plain = {**config, "vision_cfg": {**config["vision_cfg"], "act_kwargs": None}}
    exact: CustomTextCLIP = build(plain)
    tanh: CustomTextCLIP = build(config)
    for model in (exact, tanh):
        fill(model, to_open_clip(source.state_dict(), config))
    pixels = torch.randn(2, 3, 32, 32)
    expected = source.get_image_features(pixel_values=pixels)
    expected = getattr(expected, "pooler_output", expected)
    torch.testing.assert_close(tanh.encode_image(pixels), expected, rtol=0, atol=1e-5)
    assert (exact.encode_image(pixels) - expected).abs().max() > 1e-5


@pytest.mark.parametrize("name", ["coca", "siglip"])
def test_what_hugging_face_cannot_compute_is_refused(tmp_path: Path, name: str) -> None:
    backbone = load.__wrapped__(DemoBackbone(kind="demo", name=name))
    with pytest.raises(UnsupportedFamilyError, match="as open_clip"):
        write_backbone(tmp_path / "copy", backbone, "hf")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(zoo: dict[str, Path], tmp_path: Path) -> None:
    backbone, copy = loaded(zoo["clip"]), shutil.copytree(zoo["clip"], tmp_path / "copy")
    before = json.loads((copy / "open_clip_config.json").read_text())
    with pytest.raises(InputError, match="is there already"):
        write_backbone(copy, backbone, "open_clip")
    assert json.loads((copy / "open_clip_config.json").read_text()) == before
    (tmp_path / "empty").mkdir()
    write_backbone(tmp_path / "empty", backbone, "open_clip")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "empty"]
