"""What is shipped: complete, small, as its manifest says, and loadable by plain open_clip."""

import hashlib
import json
from io import BytesIO
from pathlib import Path

import numpy as np
import open_clip
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from uwm.demo.backbone import load, stacked
from uwm.demo.samples import ZEROSHOT, decode
from uwm.shipped import BACKBONES, DATA, MANIFEST, PAIR_SETS, ROOT, ZEROSHOT_CLASSES, ZEROSHOT_SETS

MIB = 2**20
COLUMNS = ["id", "concept", "safe_text", "unsafe_text", "safe_image", "unsafe_image"]
LEAST = {
    "calibration": 1000,
    "validation": 500,
    "test": 1000,
    "test_second_style": 500,
    "hard_benign": 300,
}


def test_the_manifest_names_every_file_and_its_bytes() -> None:
    manifest = json.loads(MANIFEST.read_text())
    folders = (DATA, *BACKBONES.values())
    files = {path for folder in folders for path in folder.iterdir()} - {MANIFEST}
    assert set(manifest) == {path.relative_to(ROOT).as_posix() for path in files}
    for name, entry in manifest.items():
        content = (ROOT / name).read_bytes()
        assert entry == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_everything_stays_small() -> None:
    assert sum(path.stat().st_size for path in DATA.iterdir()) <= 15 * MIB
    for folder in BACKBONES.values():
        assert sum(path.stat().st_size for path in folder.iterdir()) <= 8 * MIB


@pytest.mark.parametrize("name", PAIR_SETS)
def test_a_pair_set_is_complete(name: str) -> None:
    table = pd.read_parquet(PAIR_SETS[name])
    assert list(table.columns) == COLUMNS
    assert len(table) >= LEAST[name]
    assert table["id"].is_unique
    assert table["concept"].nunique() >= 8
    assert table[["safe_text", "unsafe_text"]].map(bool).all(axis=None)
    for column in ("safe_image", "unsafe_image"):
        for picture in table[column].iloc[::25]:
            assert decode(picture).shape == (64, 64, 3)


def test_splits_share_no_sample() -> None:
    tables = [pd.read_parquet(path) for path in PAIR_SETS.values()]
    together = pd.concat(tables)
    assert together["id"].is_unique
    pictures = pd.concat([together["safe_image"], together["unsafe_image"]])
    pictures = pd.concat([pictures, *(pd.read_parquet(p)["image"] for p in ZEROSHOT_SETS.values())])
    assert pictures.is_unique


@pytest.mark.parametrize("name", ZEROSHOT_SETS)
def test_class_names_cover_the_labels(name: str) -> None:
    question = json.loads(ZEROSHOT_CLASSES.read_text())[name]
    table = pd.read_parquet(ZEROSHOT_SETS[name])
    assert list(table.columns) == ["image", "label"]
    assert sorted(table["label"].unique()) == list(range(len(question["classes"])))
    assert question["classes"] == list(ZEROSHOT[name].classes)
    assert question["template"].count("{}") == 1


@pytest.mark.parametrize("name", BACKBONES)
def test_weights_are_float16_on_disk(name: str) -> None:
    with safe_open(BACKBONES[name] / "open_clip_model.safetensors", framework="pt") as weights:
        kinds = {weights.get_slice(key).get_dtype() for key in weights.keys()}  # noqa: SIM118
    assert kinds == {"F16"}


@pytest.mark.parametrize("name", BACKBONES)
def test_a_configuration_names_no_path(name: str) -> None:
    config = json.loads((BACKBONES[name] / "open_clip_config.json").read_text())
    merges = config["model_cfg"]["text_cfg"]["tokenizer_kwargs"]["bpe_path"]
    assert Path(merges).name == merges
    assert (BACKBONES[name] / merges).is_file()


@pytest.mark.parametrize("name", BACKBONES)
def test_plain_open_clip_loads_a_backbone(name: str) -> None:
    """From its folder alone, strictly, and it knows far more than chance."""
    folder = BACKBONES[name]
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    model.eval()
    tokenizer = open_clip.get_tokenizer(
        f"local-dir:{folder}", bpe_path=str(folder / "merges.txt.gz")
    )
    assert next(model.parameters()).dtype == torch.float32
    question = json.loads(ZEROSHOT_CLASSES.read_text())["backgrounds"]
    table = pd.read_parquet(ZEROSHOT_SETS["backgrounds"]).iloc[:60]
    pictures = torch.stack([preprocess(Image.open(BytesIO(b))) for b in table["image"]])
    prompts = tokenizer([question["template"].format(c) for c in question["classes"]])
    with torch.no_grad():
        similarity = model.encode_image(pictures, normalize=True) @ (
            model.encode_text(prompts, normalize=True).T
        )
    assert np.mean(similarity.argmax(1).numpy() == table["label"].to_numpy()) > 0.3


@pytest.mark.parametrize("name", BACKBONES)
def test_training_saw_pictures_as_open_clip_prepares_them(name: str) -> None:
    """The batch geometry of training agrees with the shipped preprocessing, up to rounding."""
    folder = BACKBONES[name]
    *_, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    geometry = load(folder).geometry
    encoded = pd.read_parquet(PAIR_SETS["test"])["safe_image"].iloc[:4]
    ours = geometry.normalised(stacked(encoded))
    theirs = torch.stack([preprocess(Image.open(BytesIO(picture))) for picture in encoded])
    grey_levels = (ours - theirs).abs() * geometry.std * 255
    assert grey_levels.mean() < 0.6
    assert grey_levels.max() < 4
