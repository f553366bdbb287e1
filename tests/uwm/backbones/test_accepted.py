"""A stranger's folder runs no code and builds nothing without bounds: it is refused in a moment."""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import open_clip.coca_model
import open_clip.model
import pytest
import transformers
from huggingface_hub import constants
from safetensors.torch import save_file

from flows.cli.app import run
from flows.cli.options import BAD_INPUT
from tests.makers.families import TEXTS
from tests.makers.folders import folder_backbone
from tests.makers.hub_server import ask, serving
from tests.makers.hugging_face import clip, save
from tests.makers.tokenizers import borrowed
from uwm import shipped
from uwm.backbones.accepted import Model, Multimodal, OpenClip, Text, Vision, check
from uwm.backbones.architecture import build
from uwm.backbones.catalog import built_in, folder_config, model_config
from uwm.backbones.files import read_json
from uwm.backbones.hugging_face.tokenizers import open_tokenizer
from uwm.backbones.load import load
from uwm.errors import UnknownBackboneError, UWMError

Config = dict[str, Any]
SECONDS = 3.0
"""Of this process's own work, more than a hundred times what a refusal takes."""


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of this test's own, a hub that nothing answers for, and no place for foreign code."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    modules = str(tmp_path / "modules")
    monkeypatch.setattr(transformers.dynamic_module_utils, "HF_MODULES_CACHE", modules)
    ask(monkeypatch, "http://127.0.0.1:9")


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file that the code in `hostile` folders would write."""
    return tmp_path / "canary"


@pytest.fixture
def hostile(zoo: dict[str, Path], tmp_path: Path, canary: Path) -> Path:
    """A good folder in open_clip's form, with Python beside it and a tokenizer that names it."""
    folder = shutil.copytree(zoo["clip"], tmp_path / "folder")
    arm(folder, canary)
    return folder


def arm(folder: Path, canary: Path) -> None:
    """Put code into a folder that any import of it runs."""
    code = (
        f"open({str(canary)!r}, 'w').close()\n"
        "from transformers import PreTrainedConfig, PreTrainedTokenizerFast\n"
        "class Evil(PreTrainedTokenizerFast): pass\n"
        "class EvilConfig(PreTrainedConfig): model_type = 'evil'\n"
    )
    (folder / "evil.py").write_text(code)
    (folder / "__init__.py").write_text(code)


def with_tokenizer(config: Config, folder: Path, **settings: Any) -> None:
    """A tokenizer beside the weights, with more settings."""
    borrowed(folder, "RoBERTa")
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))
    config["model_cfg"]["text_cfg"]["hf_tokenizer_name"] = "."


AUTO_MAP = {"AutoTokenizer": ["evil.Evil", "evil.Evil"], "AutoConfig": "evil.EvilConfig"}
Change = Callable[[Config, Path], None]


def says(section: str, **values: Any) -> Change:
    """A configuration with other values in a section, "" for the whole model's."""

    def change(config: Config, folder: Path) -> None:
        part = config["model_cfg"]
        (part if not section else part.setdefault(section, {})).update(values)

    return change


def tokenizing(**options: Any) -> Change:
    """Options for a tokenizer that names its own code."""

    def change(config: Config, folder: Path) -> None:
        with_tokenizer(config, folder, tokenizer_class="Evil", auto_map=AUTO_MAP)
        config["model_cfg"]["text_cfg"]["tokenizer_kwargs"] = options

    return change


def settings(**values: Any) -> Change:
    return lambda config, folder: with_tokenizer(config, folder, **values)


def elsewhere(config: Config, folder: Path) -> None:
    """A good folder, a hostile one beside it, and options that lead there."""
    other = folder.with_name("other")
    shutil.copytree(folder, other)
    with_tokenizer(config, other, tokenizer_class="Evil", auto_map=AUTO_MAP)
    with_tokenizer(config, folder)
    config["model_cfg"]["text_cfg"]["tokenizer_kwargs"] = {
        "subfolder": "../other",
        "trust_remote_code": True,
    }


def linked(file: str) -> Change:
    """A file of the folder that is a link to one outside."""

    def change(config: Config, folder: Path) -> None:
        with_tokenizer(config, folder)
        outside = folder.with_name("outside.json")
        (folder / file).rename(outside)
        (folder / file).symlink_to(outside)

    return change


def linked_config(config: Config, folder: Path) -> None:
    outside = folder.with_name("outside.json")
    outside.write_text(json.dumps(config))
    (folder / "open_clip_config.json").unlink()
    (folder / "open_clip_config.json").symlink_to(outside)


def raw(text: Callable[[str], str]) -> Change:
    """The configuration's file with other text."""

    def change(config: Config, folder: Path) -> None:
        config["raw"] = text(json.dumps(config))

    return change


HOSTILE: dict[str, Change] = {
    "remote code by option": tokenizing(trust_remote_code=True),
    "a subfolder": tokenizing(subfolder="../other", trust_remote_code=True),
    "a subfolder elsewhere": elsewhere,
    "a code revision": tokenizing(code_revision="main"),
    "a cache of its own": tokenizing(cache_dir="."),
    "an unknown class": settings(tokenizer_class="Evil"),
    "auto_map of a tokenizer": settings(auto_map=AUTO_MAP),
    "auto_map of a tokenizer, as a list": settings(auto_map=["evil.Evil", None]),
    "a setting of a wrong type": settings(do_lower_case={"trust_remote_code": True}),
    "a token that is none": settings(pad_token=["evil"]),
    "tokens under names": settings(added_tokens_decoder={"../1": {"content": "x"}}),
    "a linked tokenizer": linked("tokenizer.json"),
    "linked settings": linked("tokenizer_config.json"),
    "a linked configuration": linked_config,
    "timm from the hub": says("vision_cfg", timm_model_name="hf-hub:me/evil"),
    "timm from the hub, old style": says("vision_cfg", timm_model_name="hf_hub:me/evil"),
    "timm from a folder": says("vision_cfg", timm_model_name="local-dir:."),
    "timm from a path": says("vision_cfg", timm_model_name="/tmp/evil"),
    "timm without such a model": says("vision_cfg", timm_model_name="evil"),
    "a tower of an absolute path": says("text_cfg", hf_model_name="/tmp/evil"),
    "a tower of this folder": says("text_cfg", hf_model_name="."),
    "a tower of a folder above": says("text_cfg", hf_model_name="../evil"),
    "a tower of nobody's": says("text_cfg", hf_model_name="me/evil"),
    "a tokenizer of a folder above": says("text_cfg", hf_tokenizer_name="../evil"),
    "a tokenizer of an absolute path": says("text_cfg", hf_tokenizer_name="/tmp/evil"),
    "a tokenizer of a folder below": says("text_cfg", hf_tokenizer_name="a/b/c"),
    "merges of a folder above": says("text_cfg", tokenizer_kwargs={"bpe_path": "../m.gz"}),
    "merges of an absolute path": says("text_cfg", tokenizer_kwargs={"bpe_path": "/etc/passwd"}),
    "an unknown key": says("", trust_remote_code=True),
    "an unknown key of the image tower": says("vision_cfg", timm_kwargs={"x": 1}),
    "an unknown key of the text tower": says("text_cfg", hf_kwargs={"x": 1}),
    "an unknown key of the decoder": says("multimodal_cfg", x=1),
    "an unknown argument of a norm": says("text_cfg", norm_kwargs={"device": "cuda"}),
    "an unknown argument of an activation": says("vision_cfg", act_kwargs={"inplace": True}),
    "an unknown top level": lambda config, folder: config.update(hooks=["evil"]),
    "an unknown step": lambda config, folder: config["preprocess_cfg"].update(x=1),
    "a wrong type": says("", embed_dim="24"),
    "a section that is a list": says("", vision_cfg=[]),
    "a wrong type in the image tower": says("vision_cfg", width=32.5),
    "a truth for a number": says("vision_cfg", layers=True),
    "a wrong type in the text tower": says("text_cfg", heads=[2]),
    "options that are a list": says("text_cfg", tokenizer_kwargs=["trust_remote_code"]),
    "a wrong type of a step": lambda config, folder: config["preprocess_cfg"].update(mean=[0.5]),
    "a million layers": says("text_cfg", layers=1_000_000),
    "a million layers for pictures": says("vision_cfg", layers=1_000_000),
    "a huge ResNet": says("vision_cfg", layers=[500, 500, 500, 500], width=8192),
    "huge width": says("vision_cfg", width=10**9),
    "heads of no width": says("vision_cfg", head_width=0),
    "huge context": says("text_cfg", context_length=10**6),
    "huge vocabulary": says("text_cfg", vocab_size=10**12),
    "huge pictures": says("vision_cfg", image_size=10**6),
    "a patch per pixel": says("vision_cfg", image_size=4096, patch_size=1),
    "a patch of nothing": says("vision_cfg", patch_size=0),
    "a huge MLP": says("text_cfg", mlp_ratio=1e9),
    "huge embeddings": says("", embed_dim=10**8),
    "all large at once": says("text_cfg", width=16_384, layers=512, heads=64),
    "a negative size": says("vision_cfg", width=-32),
    "NaN": says("text_cfg", mlp_ratio=float("nan")),
    "infinity": says("", init_logit_scale=float("inf")),
    "infinity in digits": raw(lambda text: text.replace('"embed_dim": 24', '"embed_dim": 1e999')),
    "a number without end": raw(lambda text: text.replace("24", "9" * 10_000)),
    "deep JSON": raw(lambda text: '{"model_cfg": ' + "[" * 200_000 + "]" * 200_000 + "}"),
    "somewhat deep JSON": raw(lambda text: '{"model_cfg": ' + "[" * 40 + "]" * 40 + "}"),
    "10 MB of JSON": raw(lambda text: text + " " * 10_000_000),
    "no text": raw(lambda text: "\udcff"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_folder_is_refused_at_once_and_runs_nothing(
    hostile: Path, canary: Path, case: str
) -> None:
    path = hostile / "open_clip_config.json"
    config = json.loads(path.read_text())
    HOSTILE[case](config, hostile)
    text = config.pop("raw", None) or json.dumps(config)
    path.write_bytes(text.encode(errors="surrogateescape"))
    begun = time.process_time()
    with pytest.raises(UWMError) as caught:
        load.__wrapped__(folder_backbone(hostile))
    assert time.process_time() - begun < SECONDS
    assert isinstance(caught.value, UnknownBackboneError)
    assert not canary.exists()


def test_the_canary_lives(hostile: Path, canary: Path) -> None:
    """What the cases above forbid does run the code where nobody forbids it."""
    with_tokenizer({"model_cfg": {"text_cfg": {}}}, hostile, auto_map=AUTO_MAP)
    transformers.AutoTokenizer.from_pretrained(str(hostile), trust_remote_code=True)
    assert canary.exists()


@pytest.mark.parametrize(
    "config",
    [{"auto_map": AUTO_MAP, "model_type": "evil"}, {"auto_map": AUTO_MAP}],
)
def test_code_that_nothing_asks_for_is_left_alone(
    hostile: Path, canary: Path, config: dict[str, Any]
) -> None:
    (hostile / "config.json").write_text(json.dumps(config))
    (hostile / "preprocessor_config.json").write_text(json.dumps(config))
    load.__wrapped__(folder_backbone(hostile))
    assert not canary.exists()


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("config.json", {"auto_map": AUTO_MAP}),
        ("config.json", {"projection_dim": 10**9}),
        ("config.json", {"text_config": {"num_hidden_layers": 10**6}}),
        ("config.json", {"text_config": {"max_position_embeddings": 60_000}}),
        ("config.json", {"vision_config": {"image_size": 2048, "patch_size": 1}}),
        ("preprocessor_config.json", {"auto_map": {"AutoImageProcessor": "evil.Evil"}}),
        ("preprocessor_config.json", {"image_mean": [float("nan")] * 3}),
    ],
)
def test_a_folder_in_hugging_faces_form_runs_nothing_either(
    tmp_path: Path, canary: Path, file: str, change: dict[str, Any]
) -> None:
    folder = save(clip(), tmp_path / "theirs")
    arm(folder, canary)
    good = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    known: dict[str, Any] = dict(good)
    if (folder / file).is_file():
        known = json.loads((folder / file).read_text())
    for key, value in change.items():
        known[key] = {**known[key], **value} if isinstance(known.get(key), dict) else value
    (folder / file).write_text(json.dumps(known))
    begun = time.process_time()
    with pytest.raises(UnknownBackboneError, match=str(folder)):
        load.__wrapped__(folder_backbone(folder))
    assert time.process_time() - begun < SECONDS
    assert not canary.exists()


def test_a_plan_of_a_hostile_folder_is_refused(
    hostile: Path, canary: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = hostile / "open_clip_config.json"
    config = json.loads(path.read_text())
    HOSTILE["remote code by option"](config, hostile)
    path.write_text(json.dumps(config))
    audit = tmp_path / "audit.yaml"
    audit.write_text(
        "name: mine\n"
        f"backbones:\n  - {{kind: folder, name: evil, folder: {hostile}}}\n"
        "calibration: {kind: demo, split: calibration}\n"
        "benchmarks:\n  - {kind: demo, split: test}\n"
        "methods:\n  - kind: uwm\n"
    )
    assert run(["plan", str(audit), "--store", str(tmp_path / "store")]) == BAD_INPUT
    said = capsys.readouterr().err.replace("\n", " ")
    assert "trust_remote_code" in said
    assert not canary.exists()


def test_the_message_says_file_key_value_and_remedy(hostile: Path) -> None:
    path = hostile / "open_clip_config.json"
    config = json.loads(path.read_text())
    config["model_cfg"]["text_cfg"]["tokenizer_kwargs"] = {"trust_remote_code": True}
    path.write_text(json.dumps(config))
    with pytest.raises(UnknownBackboneError) as caught:
        model_config(folder_backbone(hostile))
    assert str(caught.value) == (
        f"{path}: model_cfg.text_cfg.tokenizer_kwargs.trust_remote_code is True, and a backbone's "
        "files may not set that; known there are clean, strip_sep_token, language, bpe_path. "
        "Remove it from the file if the model does without"
    )
    config["model_cfg"]["text_cfg"]["tokenizer_kwargs"] = {}
    config["model_cfg"]["vision_cfg"]["image_size"] = [32, 10**6]
    path.write_text(json.dumps(config))
    with pytest.raises(UnknownBackboneError, match=r"model_cfg\.vision_cfg\.image_size"):
        model_config(folder_backbone(hostile))


def test_every_model_of_open_clip_is_accepted() -> None:
    for name, path in built_in().items():
        check(Model, read_json(path), name)


@pytest.mark.parametrize("name", shipped.BACKBONES)
def test_the_demos_backbones_are_accepted(name: str) -> None:
    folder = shipped.BACKBONES[name]
    check(OpenClip, read_json(folder / "open_clip_config.json"), name)
    assert folder_config(folder)["embed_dim"]


@pytest.mark.parametrize(
    ("section", "theirs"),
    [
        (Vision, open_clip.model.CLIPVisionCfg),
        (Text, open_clip.model.CLIPTextCfg),
        (Multimodal, open_clip.coca_model.MultimodalCfg),
    ],
)
def test_the_known_keys_are_those_of_open_clip(section: type[Text], theirs: Any) -> None:
    """A newer open_clip with another key is seen here."""
    assert set(section.model_fields) == {field.name for field in dataclasses.fields(theirs)}


@pytest.mark.parametrize(
    "size",
    [
        {"vision_cfg": {"width": 5120, "layers": 48, "mlp_ratio": 5.0, "image_size": 336}},
        {"vision_cfg": {"width": 1792, "layers": 56, "mlp_ratio": 8.5715, "image_size": 896}},
        {"text_cfg": {"width": 1280, "layers": 32, "vocab_size": 901_629, "context_length": 248}},
    ],
)
def test_the_largest_open_models_are_within_the_bounds(size: dict[str, Any]) -> None:
    check(Model, {"embed_dim": 1536, "vision_cfg": {}, "text_cfg": {}, **size}, "x")


TOWER = TEXTS["BERT"]


def tower_repository(folder: Path, **changes: Any) -> dict[str, bytes]:
    """A text tower with its tokenizer, as the hub has them."""
    borrowed(folder, "RoBERTa")
    (folder / "config.json").write_text(json.dumps({**TOWER, "architectures": ["X"], **changes}))
    return {f"me/tower/{path.name}": path.read_bytes() for path in folder.iterdir()}


def with_tower(folder: Path, zoo: dict[str, Path]) -> Config:
    """A backbone's folder whose text tower and tokenizer have names of the hub."""
    config: Config = json.loads((zoo["clip"] / "open_clip_config.json").read_text())
    names = {"hf_model_name": "me/tower", "hf_tokenizer_name": "me/tower"}
    config["model_cfg"]["text_cfg"] = {**names, "hf_proj_type": "linear", "context_length": 8}
    folder.mkdir()
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    return config


def test_a_text_tower_and_tokenizer_of_the_hub_load_as_open_clip_has_them(
    zoo: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = with_tower(tmp_path / "folder", zoo)
    with serving(tower_repository(tmp_path / "tower")) as (address, _):
        ask(monkeypatch, address)
        state = build(config["model_cfg"]).state_dict()
        weights = tmp_path / "folder" / "open_clip_model.safetensors"
        save_file({name: value.clone() for name, value in state.items()}, weights)
        backbone = load.__wrapped__(folder_backbone(tmp_path / "folder"))
    assert backbone.forward("text", backbone.tokenize(["a red fox"])).shape == (1, 24)
    theirs = open_clip.tokenizer.HFTokenizer(str(tmp_path / "tower"), context_length=8)
    assert backbone.tokenize(["a red fox"]).tolist() == theirs(["a red fox"]).tolist()


@pytest.mark.parametrize(
    "change",
    [
        {"auto_map": AUTO_MAP},
        {"model_type": "evil"},
        {"model_type": "llama"},
        {"num_hidden_layers": 10**6},
        {"hidden_size": 10**6},
        {"hidden_size": 16_384, "num_hidden_layers": 512, "intermediate_size": 65_536},
        {"vocab_size": "100"},
    ],
)
def test_a_hostile_text_tower_of_the_hub_is_refused(
    zoo: dict[str, Path],
    tmp_path: Path,
    canary: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
) -> None:
    with_tower(tmp_path / "folder", zoo)
    (tmp_path / "folder" / "open_clip_model.safetensors").touch()
    (tmp_path / "tower").mkdir()
    arm(tmp_path / "tower", canary)
    with serving(tower_repository(tmp_path / "tower", **change)) as (address, _):
        ask(monkeypatch, address)
        begun = time.process_time()
        with pytest.raises(UnknownBackboneError, match=r"config\.json"):
            load.__wrapped__(folder_backbone(tmp_path / "folder"))
    assert time.process_time() - begun < SECONDS
    assert not canary.exists()


@pytest.mark.parametrize("kind", [["bert"], {"auto_map": 1}, "evil", 7, None])
def test_a_kind_of_model_that_is_none_says_nothing_of_the_tokenizer(
    tmp_path: Path, kind: object
) -> None:
    known = borrowed(tmp_path / "one", "RoBERTa")
    (tmp_path / "one" / "config.json").write_text(json.dumps({"model_type": kind}))
    found = open_tokenizer(tmp_path / "one", {"context_length": 12})
    assert found(["a red fox"]).tolist() == known(["a red fox"]).tolist()


def test_settings_that_transformers_writes_itself_come_through(tmp_path: Path) -> None:
    """A tokenizer that was saved again is the same, whatever transformers adds to its files."""
    first = borrowed(tmp_path / "one", "SigLIP")
    first.tokenizer.add_special_tokens({"additional_special_tokens": ["<more>"]})
    first.save_pretrained(str(tmp_path / "two"))
    again = open_tokenizer(tmp_path / "two", {"context_length": 12})
    assert again.tokenizer.get_vocab() == first.tokenizer.get_vocab()
    assert again.tokenizer.special_tokens_map == first.tokenizer.special_tokens_map
    assert again(["a <more> fox"]).tolist() == first(["a <more> fox"]).tolist()
