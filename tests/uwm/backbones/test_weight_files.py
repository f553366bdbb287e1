import functools
import importlib
import json
import marshal
import operator
import os
import pickle
import runpy
import shutil
import subprocess
import sys
import zipfile
from contextlib import suppress
from pathlib import Path

import open_clip
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save, save_file
from torch import nn

from tests.makers.backbones import MODELS
from tests.makers.folders import LFS_POINTER
from uwm.backbones.architecture import build
from uwm.backbones.weight_files import fill, read_weights, shards
from uwm.errors import UnknownBackboneError, UnsafeWeightsError

STATE = {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.zeros(2, dtype=torch.float16)}


def same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> bool:
    return set(found) == set(expected) and all(
        torch.equal(found[name], value) for name, value in expected.items()
    )


@pytest.mark.parametrize("suffix", [".safetensors", ".bin", ".pt", ".pth"])
def test_every_format_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    save_file(STATE, path) if suffix == ".safetensors" else torch.save(STATE, path)
    assert same(read_weights((path,)), STATE)


def test_a_training_checkpoint_is_unwrapped(tmp_path: Path) -> None:
    wrapped = {f"module.{name}": value for name, value in STATE.items()}
    torch.save({"epoch": 3, "state_dict": wrapped}, tmp_path / "epoch.pt")
    assert same(read_weights((tmp_path / "epoch.pt",)), STATE)


WRAPPED = {
    "torch.compile": {"state_dict": {f"_orig_mod.{name}": value for name, value in STATE.items()}},
    "both": {"state_dict": {f"module._orig_mod.{name}": value for name, value in STATE.items()}},
    "compiled within": {name.replace("a.", "a._orig_mod."): value for name, value in STATE.items()},
    "fsdp": {f"_fsdp_wrapped_module.{name}": value for name, value in STATE.items()},
    "lightning": {"epoch": 1, "state_dict": {f"model.{n}": value for n, value in STATE.items()}},
    "model": {"model": STATE, "optimizer": {"state": {0: {}}, "param_groups": []}},
    "model_state_dict": {"model_state_dict": STATE, "epoch": 1},
    "deepspeed": {"module": STATE, "global_steps": 3},
    "within a wrapper": {"model": {"state_dict": STATE, "epoch": 1}},
    "averaged, too": {"model": STATE, "model_ema": {n: value + 1 for n, value in STATE.items()}},
    "another name": {"teacher": STATE, "epoch": 1},
}


@pytest.mark.parametrize("trainer", WRAPPED)
def test_what_trainers_put_around_weights_is_taken_off(tmp_path: Path, trainer: str) -> None:
    torch.save(WRAPPED[trainer], tmp_path / "epoch.pt")
    assert same(read_weights((tmp_path / "epoch.pt",)), STATE)


def test_of_two_state_dicts_the_one_taken_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    torch.save(WRAPPED["averaged, too"], tmp_path / "epoch.pt")
    read_weights((tmp_path / "epoch.pt",))
    assert "read 'model' of it, not 'model_ema'" in caplog.text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"student": STATE, "teacher": STATE}, "several state dicts, 'student', 'teacher'"),
        ({"a": torch.zeros(1), "_orig_mod.a": torch.zeros(1)}, "a model twice"),
    ],
)
def test_weights_that_may_mean_either_of_two_are_refused(
    tmp_path: Path, content: dict[str, object], said: str
) -> None:
    torch.save(content, tmp_path / "epoch.pt")
    with pytest.raises(UnknownBackboneError, match=said):
        read_weights((tmp_path / "epoch.pt",))


@pytest.mark.parametrize("name", ["open_clip_model.safetensors", "pytorch_model.bin", "w.pt"])
def test_a_git_lfs_pointer_is_told_from_weights(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(LFS_POINTER)
    with pytest.raises(UnknownBackboneError, match=r"Git LFS pointer.*`git lfs pull`"):
        read_weights((tmp_path / name,))


def test_torchs_older_format_is_read(tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert same(read_weights((tmp_path / "old.pt",)), STATE)


class Harmful:
    """Unpickled, it runs a command."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("form", ["zip", "old", "plain"])
def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path: Path, form: str) -> None:
    mark, path = tmp_path / "ran", tmp_path / "weights.bin"
    content = {"a.weight": Harmful(mark)}
    if form == "plain":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(UnsafeWeightsError, match="could run code"):
        read_weights((path,))
    assert not mark.exists()
    torch.load(path, weights_only=False) if form != "plain" else pickle.loads(path.read_bytes())
    assert mark.exists()  # it would have


class Payload:
    """Unpickled, it calls a function with arguments; `CANARY` among them stands for a path."""

    def __init__(self, call: object, *arguments: object) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call, self.arguments


class State(dict[str, object]):
    """Unpickled, it is given a state, as any class may be."""

    def __reduce__(self) -> tuple[object, tuple[object, ...], dict[str, object]]:
        return State, (), {"weight": 1}


def payloads(canary: Path) -> dict[str, object]:
    """Ways to run code by being unpickled; each would make `canary`."""
    touch, code = f"touch {canary}", f"open({str(canary)!r}, 'w').close()"
    nested = pickle.dumps(Payload(os.system, touch))
    return {
        "a shell": Payload(os.system, touch),
        "popen": Payload(os.popen, touch),
        "a process": Payload(subprocess.call, ["touch", str(canary)]),
        "output of a process": Payload(subprocess.check_output, ["touch", str(canary)]),
        "eval": Payload(eval, code),
        "exec": Payload(exec, code),
        "an import": Payload(importlib.import_module, "antigravity"),
        "a built-in import": Payload(__import__, "antigravity"),
        "a pickle in a pickle": Payload(pickle.loads, nested),
        "a module that is run": Payload(runpy.run_path, str(canary)),
        "a partial": functools.partial(os.system, touch),
        "an operator": Payload(operator.call, os.system, touch),
        "an attribute": Payload(getattr, Path, "touch"),
        "a file": Payload(open, str(canary), "w"),
        "a path": Payload(Path.touch, canary),
        "a copied tree": Payload(shutil.copytree, str(canary.parent), str(canary)),
        "torch's own loading": Payload(torch.load, str(canary)),
        "a module of torch": nn.Linear(2, 2),
        "a class of one's own": State(),
        "code of a function": Payload(marshal.loads, marshal.dumps(compile(code, "x", "exec"))),
    }


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "old"])
@pytest.mark.parametrize("kind", payloads(Path("canary")))
def test_no_pickle_runs_anything(tmp_path: Path, kind: str, zipped: bool) -> None:
    canary, path = tmp_path / "canary", tmp_path / "weights.bin"
    content = {"a.weight": torch.zeros(2), "b": payloads(canary)[kind]}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UnknownBackboneError, match="weights"):
        read_weights((path,))
    assert not canary.exists()
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize(
    "content",
    [
        *(b"cos\nsystem\n(S'true'\ntR.", b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R."),
        *(b"\x80\x02", b"\x80\xff.", b"(" * 100_000 + b".", b"\x80\x04" + b"]" * 50_000 + b"."),
        *(b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.", b"J\xff\xff\xff\x7fP."),
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff.",
    ],
)
def test_opcodes_by_hand_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "weights.pt").write_bytes(content)
    with pytest.raises(UnknownBackboneError):
        read_weights((tmp_path / "weights.pt",))


@settings(
    max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_damaged_header_of_safetensors_is_weights_or_told(
    tmp_path: Path, changes: list[tuple[int, int]]
) -> None:
    """Shapes, offsets, types and the header's length are whatever the bytes say."""
    path = tmp_path / "w.safetensors"
    content = bytearray(save(STATE))
    header = 8 + int.from_bytes(content[:8], "little")
    for place, value in changes:
        content[place % header] = value
    path.write_bytes(content)
    with suppress(UnknownBackboneError):
        found = read_weights((path,))
        assert sum(value.nbytes for value in found.values()) <= len(content)


def test_a_torchscript_archive_is_refused_with_the_conversion(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(nn.Linear(2, 3)), tmp_path / "ViT-B-32.pt")
    with pytest.raises(UnsafeWeightsError, match=r"torch\.jit\.load\('ViT-B-32\.pt'"):
        read_weights((tmp_path / "ViT-B-32.pt",))


def test_an_archive_that_unpacks_to_more_than_it_has_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1_000_000)}, tmp_path / "plain.pt")
    with (
        zipfile.ZipFile(tmp_path / "plain.pt") as plain,
        zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for member in plain.namelist():
            bomb.writestr(member, plain.read(member))
    with pytest.raises(UnsafeWeightsError, match="unpacks to"):
        read_weights((tmp_path / "bomb.pt",))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("short.safetensors", b"\x08"),
        ("huge.safetensors", (2**62).to_bytes(8, "little") + b"{}"),
        ("words.bin", b"no weights at all"),
        ("empty.pt", b""),
        ("torn.pt", b"PK\x03\x04 torn"),
    ],
)
def test_damaged_files_are_told(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnknownBackboneError, match=name):
        read_weights((tmp_path / name,))


@pytest.mark.parametrize("content", [[1, 2], {}, {"a": 1}, {1: torch.zeros(1)}])
def test_what_is_no_state_dict_is_told(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(UnknownBackboneError, match="should hold"):
        read_weights((tmp_path / "other.pt",))


def test_shards_are_put_together(tmp_path: Path) -> None:
    names = {}
    for number, (name, value) in enumerate(STATE.items()):
        names[name] = f"model-{number}.safetensors"
        save_file({name: value}, tmp_path / names[name])
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": names}))
    assert same(read_weights(shards(index)), STATE)


@pytest.mark.parametrize(
    "content",
    [
        *("{", "[]", '{"weight_map": {"a": 3}}', '{"weight_map": {"a": "no.bin"}}'),
        *('{"weight_map": {"a": "../x.safetensors"}}', '{"weight_map": {"a": "/etc/passwd"}}'),
    ],
)
def test_an_index_stays_in_its_folder(tmp_path: Path, content: str) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(content)
    save_file(STATE, tmp_path.parent / "x.safetensors")
    with pytest.raises(UnknownBackboneError, match="index"):
        shards(index)


def test_a_network_takes_its_own_weights_alone() -> None:
    config = MODELS["clip"]
    torch.manual_seed(0)
    source = open_clip.CLIP(**config)
    model = build(config)
    fill(model, dict(source.state_dict()))
    assert same(model.state_dict(), source.state_dict())
    state = dict(source.state_dict())
    state["extra"] = state.pop("visual.ln_pre.bias")
    state["visual.positional_embedding"] = torch.zeros(17, 32)
    with pytest.raises(UnknownBackboneError) as caught:
        fill(model, state)
    said = str(caught.value)
    assert "3 differences" in said
    assert "visual.ln_pre.bias is missing" in said
    assert "extra is not part" in said
    assert "visual.positional_embedding has shape (17, 32) instead of (5, 32)" in said


def test_names_behind_a_prefix_of_ones_own_are_told_with_it() -> None:
    model = build(MODELS["clip"])
    state = {f"ours.clip_net.{name}": value for name, value in model.state_dict().items()}
    with pytest.raises(UnknownBackboneError, match=r"the prefix 'ours\.clip_net\.'; save"):
        fill(model, state)


def test_a_text_tower_of_its_own_and_a_bias_change_no_embedding() -> None:
    """Saved with `--force-custom-text`, and trained with `--siglip`."""
    model = build(MODELS["clip"])
    source = {name: torch.rand_like(value) for name, value in model.state_dict().items()}
    own = {
        name if name.startswith(("visual.", "logit")) else f"text.{name}": value
        for name, value in source.items()
    }
    fill(model, {**own, "logit_bias": torch.tensor(-9.0)})
    assert same(model.state_dict(), source)


def test_older_names_of_a_text_tower_are_known() -> None:
    """CoCa's checkpoints from before its text tower was a module of its own."""
    model = build({**MODELS["coca"], "init_logit_bias": -10})
    source = {name: torch.rand_like(value) for name, value in model.state_dict().items()}
    kept = "text.cls_emb"
    older = {
        name if name == kept else name.removeprefix("text."): value
        for name, value in source.items()
    }
    older["logit_scale"] = older["logit_scale"].reshape(1)
    del older["logit_bias"]
    fill(model, older)
    source["logit_bias"] = torch.zeros(())
    assert same(model.state_dict(), source)


def test_half_precision_weights_become_float32_exactly() -> None:
    model = build(MODELS["clip"])
    state = {name: torch.rand_like(value).half() for name, value in model.state_dict().items()}
    fill(model, dict(state))
    assert all(value.dtype == torch.float32 for value in model.state_dict().values())
    assert same(
        {name: value.half() for name, value in model.state_dict().items()},
        state,
    )
