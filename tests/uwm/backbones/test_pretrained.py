from pathlib import Path

import pytest
from open_clip.pretrained import _PRETRAINED, get_pretrained_cfg

from uwm.backbones.catalog import built_in
from uwm.backbones.files import read_json
from uwm.backbones.pretrained import (
    PREPROCESS,
    agreed_preprocess,
    find_tag,
    other_activation,
    recognised,
    tags,
)
from uwm.errors import UnknownBackboneError


def quick(model: str) -> bool:
    return bool(read_json(built_in()[model]).get("quick_gelu", False))


def test_the_table_is_open_clips() -> None:
    for model, known in _PRETRAINED.items():
        found = tags(model)
        assert list(found) == list(known)
        for name, tag in found.items():
            entry = get_pretrained_cfg(model, name)
            assert dict(tag.preprocess) == {key: entry[key] for key in PREPROCESS}
            assert tag.quick_gelu == entry.get("quick_gelu", False)
            assert entry["hf_hub"] in (f"{tag.repo}/", f"{tag.repo}/{tag.files[-1]}")


def test_every_tag_is_accepted_or_sent_to_the_model_that_accepts_it() -> None:
    wrong = [
        (model, name)
        for model in built_in()
        for name, tag in tags(model).items()
        if tag.quick_gelu != quick(model) and other_activation(model) in built_in()
    ]
    assert ("ViT-B-32", "openai") in wrong
    for model, name in wrong:
        right = other_activation(model)
        with pytest.raises(UnknownBackboneError, match=f"Use model: {right}"):
            find_tag(model, name, quick(model), built_in())
        assert find_tag(right, name, quick(right), built_in()).name == name
    for model in built_in():
        for name in tags(model):
            if (model, name) not in wrong:
                assert find_tag(model, name, quick(model), built_in()).name == name


def test_a_misspelt_tag_is_met_with_the_nearest() -> None:
    with pytest.raises(UnknownBackboneError, match="laion2b_s34b_b79k"):
        find_tag("ViT-B-32", "laion2b_s34b_b79", False, built_in())
    with pytest.raises(UnknownBackboneError, match="weights:"):
        find_tag("ViT-B-32", "mine/model.safetensors", False, built_in())
    with pytest.raises(UnknownBackboneError, match="none are published"):
        find_tag("ViT-S-16", "openai", False, built_in())


def test_tags_are_spelt_as_leniently_as_in_open_clip() -> None:
    assert find_tag("ViT-B-32", "LAION2B-s34b-b79k", False, built_in()).name == "laion2b_s34b_b79k"


def test_preprocessing_is_known_where_all_tags_agree() -> None:
    siglip = agreed_preprocess("ViT-B-16-SigLIP")
    assert siglip is not None
    assert (siglip["mean"], siglip["resize_mode"]) == ((0.5, 0.5, 0.5), "squash")
    mobile = agreed_preprocess("MobileCLIP-B")
    assert mobile is not None
    assert mobile["interpolation"] == "bilinear"
    assert agreed_preprocess("ViT-L-14") is None  # one tag has other means
    assert agreed_preprocess("ViT-S-16") is None  # no tags


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("downloads/vit_b_32-quickgelu-laion400m_e32-46683a32.pt", "laion400m_e32"),
        ("hub/models--timm--ViT-B-16-SigLIP/snapshots/1/open_clip_model.safetensors", "webli"),
        ("downloads/ViT-B-32.pt", None),
        ("models/mine.safetensors", None),
    ],
)
def test_published_files_are_recognised(path: str, name: str | None) -> None:
    found = recognised(Path(path))
    assert (found.name if found else None) == name
