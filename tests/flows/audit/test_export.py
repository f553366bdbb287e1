"""An export is the audit's own edit, on the weights that it was made for, or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from flows.audit.export import export
from flows.audit.flow import audit
from storage.store.store import Store
from tests.makers.folders import loaded
from uwm.config import AuditConfig
from uwm.errors import InputError, WrongWeightsError
from uwm.families import TOWERS
from uwm.method.edit_files import read_edit

Small = Callable[..., AuditConfig]
pytestmark = pytest.mark.usefixtures("prefect_server")
METHODS: list[dict[str, Any]] = [
    {"kind": "uwm"},
    {"kind": "neurons", "share": 0.1},
    {"kind": "leace"},
]
METHODS += [{"kind": "redirect_projection", "towers": ["image", "text"]}]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("export")


@pytest.fixture
def audited(small: Small, place: Path) -> AuditConfig:
    """A small audit, run once for this module."""
    config = small(methods=METHODS, zeroshot=[])
    if not (place / "out").exists():
        audit(config, str(place / "store"), str(place / "out"))
    return config


@pytest.mark.parametrize("method", ["uwm", "redirect_projection"])
@pytest.mark.parametrize("form", ["open_clip", "hf"])
def test_what_is_written_carries_the_audits_edits(
    audited: AuditConfig, zoo: dict[str, Path], place: Path, tmp_path: Path, form: Any, method: str
) -> None:
    store = str(place / "store")
    names = export(audited, "clip", method, form, store, place / "out", tmp_path / "x")
    settings = json.loads((place / "out" / "results.json").read_text())["settings"]["clip"]
    described = next(entry for entry in settings if entry["method"] == method)
    assert names == [described[tower]["edit"] for tower in TOWERS]
    expected, found = loaded(zoo["clip"]), loaded(tmp_path / "x")
    before = expected.tower_digest("text")
    assert found.tower_digest("text") != before
    for name in names:
        read_edit(Store(store).path(name)).apply(expected.model)
    state = expected.model.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in found.model.state_dict().items())


def test_the_original_is_written_without_an_audit(
    small: Small, zoo: dict[str, Path], tmp_path: Path
) -> None:
    nowhere = tmp_path / "nowhere"
    assert export(small(), "clip", "original", "hf", str(nowhere), nowhere, tmp_path / "x") == []
    source, found = loaded(zoo["clip"]), loaded(tmp_path / "x")
    assert [found.tower_digest(tower) for tower in TOWERS] == [
        source.tower_digest(tower) for tower in TOWERS
    ]


@pytest.mark.parametrize(
    ("backbone", "method", "changes", "said"),
    [
        ("clap", "uwm", {}, "has the backbones clip"),
        ("clip", "umw", {}, "original, uwm, neurons"),
        ("clip", "leace", {}, "rewrites embeddings and edits no weight"),
        ("clip", "uwm", {"methods": [{"kind": "uwm", "tau": 0.1}]}, "run `uwm audit` again"),
        ("clip", "uwm", {"seed": 7}, "run `uwm audit` again"),
    ],
)
def test_what_the_audit_did_not_make_is_refused(
    audited: AuditConfig,
    small: Small,
    place: Path,
    tmp_path: Path,
    backbone: str,
    method: str,
    changes: dict[str, Any],
    said: str,
) -> None:
    config = small(**{"methods": METHODS, "zeroshot": [], **changes})
    with pytest.raises(InputError, match=said):
        export(config, backbone, method, "hf", str(place / "store"), place / "out", tmp_path / "x")
    with pytest.raises(InputError, match="--results"):
        export(audited, "clip", "uwm", "hf", str(place / "store"), tmp_path, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_changed_weights_are_not_edited(
    audited: AuditConfig, zoo: dict[str, Path], place: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    from uwm.backbones.load import load

    path = zoo["clip"] / "open_clip_model.safetensors"
    before = path.read_bytes()
    weights = load_file(path)
    save_file({name: value + 0.01 for name, value in weights.items()}, path)
    load.cache_clear()
    try:
        with pytest.raises(WrongWeightsError):
            export(
                audited, "clip", "uwm", "hf", str(place / "store"), place / "out", tmp_path / "x"
            )
    finally:
        path.write_bytes(before)
        load.cache_clear()
    assert not (tmp_path / "x").exists()
