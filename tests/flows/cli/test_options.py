"""What commands do before heavy work: options that contradict, weights that are not there yet."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import constants

from flows.cli.options import RunnerOptions, fetch, writable
from tests.makers.audits import audit
from tests.makers.hub_server import ask, serving
from uwm.config import AuditConfig
from uwm.errors import InputError

PUBLISHED = "timm/PE-Core-B-16/open_clip_model.safetensors"


def with_checkpoint(of: str) -> AuditConfig:
    """An audit of a shipped backbone with published weights for one backbone."""
    published = {"kind": "open_clip", "model": "PE-Core-B-16", "pretrained": "meta"}
    return audit(
        backbones=[{"kind": "demo", "name": "vit"}, {"kind": "demo", "name": "siglip"}],
        methods=[{"kind": "checkpoint", "weights": {of: published}}, {"kind": "uwm"}],
    )


def test_weights_of_checkpoints_are_fetched_before_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with serving({PUBLISHED: b"weights"}) as (address, _):
        ask(monkeypatch, address)
        fetch(with_checkpoint("siglip"))
    assert [path.read_bytes() for path in tmp_path.rglob("*.safetensors")] == [b"weights"]


def test_weights_of_other_backbones_are_not_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    fetch(with_checkpoint("siglip").narrowed(backbones=["vit"]))
    assert list(tmp_path.rglob("*.safetensors")) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (RunnerOptions(dask_address="tcp://127.0.0.1:1"), "needs the runner dask"),
        (RunnerOptions("dask", dask_address="127.0.0.1:1"), "dask address"),
        (RunnerOptions("dask", 2, "tcp://127.0.0.1:1"), "the running cluster decides"),
        (RunnerOptions("processes", 0), "workers"),
    ],
)
def test_options_that_contradict_are_refused(options: RunnerOptions, said: str) -> None:
    with pytest.raises(InputError, match=said):
        options.checked()


def test_a_folder_is_made_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    folder = writable(tmp_path / "a" / "b")
    assert folder.is_dir()
    assert list(folder.iterdir()) == []
