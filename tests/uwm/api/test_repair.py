"""`uwm.repair` against a real audit of the same pairs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter

import uwm
from flows.audit.flow import audit
from storage.files.pictures import decode
from storage.sources import Source, read_source
from storage.store.store import Store
from tests.makers.backbones import LoadFresh
from uwm.config import AuditConfig, EditMethod, MethodConfig
from uwm.errors import InputError, WrongWeightsError
from uwm.families import TOWERS

PLUGINS = Path(__file__).parents[3] / "examples" / "plugins"
METHODS: list[dict[str, Any]] = [
    {"kind": "uwm"},
    {"kind": "uwm", "name": "half", "part": {"half": "first"}, "score": "unsafe_only"},
    {"kind": "neurons"},
    {"kind": "neurons", "name": "late", "blocks": {"image": "late"}, "scope": "block"},
    {"kind": "redirect", "strength": 1.5, "preserve": {"phrases": ["a house"]}},
    {
        "kind": "redirect",
        "name": "both",
        "roles": {"image": ["fc2"], "text": ["fc2"]},
        "part": {"half": "first"},
        "preserve": {"words": False},
    },
    {"kind": "redirect_projection", "preserve": {"phrases": ["a house"]}},
    {
        "kind": "redirect_projection",
        "name": "both projections",
        "towers": ["image", "text"],
        "push": 0,
        "part": {"half": "first"},
        "preserve": {"words": False},
    },
    {"kind": "ablation", "blocks": {"text": "late"}},
    {"kind": "set_difference"},
    {"kind": "g_unsafe"},
    {"kind": "g_safe_clip", "batch_size": 48},
    {"kind": "layerwise", "settings": {"image.01.fc2": [0.1, -1], "text.00.out": [0.2, 0]}},
    {"kind": f"{PLUGINS / 'unneeded.py'}:Unneeded"},
    {"kind": f"{PLUGINS / 'mean_shift.py'}:MeanShift"},
]
"""Every way to score and to select, methods of one's own among them, on more pairs than a chunk."""


def method(document: object) -> EditMethod:
    found = TypeAdapter(MethodConfig).validate_python(document)
    assert isinstance(found, EditMethod)
    return found


def as_pairs(source: Source) -> uwm.Pairs:
    """A data set of an audit as a session would hold it."""
    safe, unsafe = (
        [decode(source.read(name), name) for name in source.images[partition]]
        for partition in ("safe", "unsafe")
    )
    return uwm.Pairs(
        *(safe, unsafe),
        safe_texts=source.texts["safe"].tolist(),
        unsafe_texts=source.texts["unsafe"].tolist(),
        concepts=source.rows["concept"].tolist(),
        ids=source.rows["id"].tolist(),
    )


@pytest.mark.usefixtures("prefect_server")
def test_a_repair_is_the_audits_to_the_bit(
    small: Callable[..., AuditConfig], tmp_path: Path
) -> None:
    calibration = {"kind": "demo", "split": "calibration", "per_concept": 20}
    config = small("clip", calibration=calibration, methods=METHODS, zeroshot=[])
    audit(config, str(tmp_path / "store"), str(tmp_path / "out"))
    settings = json.loads((tmp_path / "out" / "results.json").read_text())["settings"]["clip"]
    store, backbone = Store(tmp_path / "store"), uwm.load(config.backbones[0])
    pairs = as_pairs(read_source(config.calibration))
    for document in METHODS:
        made = uwm.repair(backbone, pairs, method(document), batch_size=config.batch_size)
        (audited,) = (entry for entry in settings if entry["method"] == method(document).name)
        assert set(made) == {tower for tower in TOWERS if audited[tower]}
        for tower in made:
            edit = uwm.read_edit(store.path(audited[tower]["edit"]))
            assert edit.layers.keys() == made[tower].layers.keys()
            assert edit.added.keys() == made[tower].added.keys()
            for id, change in edit.added.items():
                assert torch.equal(change.left, made[tower].added[id].left), document
                assert torch.equal(change.right, made[tower].added[id].right), document
            for id, layer in edit.layers.items():
                assert torch.equal(layer.indices, made[tower].layers[id].indices), document
                assert layer.fingerprint == made[tower].layers[id].fingerprint
                assert (layer.unit, layer.alpha) == (
                    made[tower].layers[id].unit,
                    made[tower].layers[id].alpha,
                )

    found = uwm.results(tmp_path / "out")
    assert set(found.summary["method"]) == set(found.rows["method"])
    assert found.document["config"]["name"] == config.name


def test_edits_are_gone_after_the_block_and_can_be_kept(
    load_fresh: LoadFresh, tmp_path: Path
) -> None:
    backbone, pairs = load_fresh("clip"), uwm.Pairs.demo(limit=12)
    before = {name: value.clone() for name, value in backbone.model.state_dict().items()}
    uwm.repair(backbone, pairs).write(tmp_path)
    edits = uwm.Edits.read(tmp_path)
    with edits.applied(backbone):
        changed = backbone.model.state_dict()
        assert any(not torch.equal(before[name], value) for name, value in changed.items())
        with pytest.raises(WrongWeightsError), edits.applied(backbone):
            pass
    assert all(torch.equal(before[name], now) for name, now in backbone.model.state_dict().items())
    with pytest.raises(InputError, match="has no edits"):
        uwm.Edits.read(tmp_path / "image")


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        ({"kind": "uwm", "tau": [0.1, 0.2]}, "a grid of points"),
        ({"kind": "uwm", "base": "published"}, "leave `base` out"),
    ],
)
def test_what_one_call_cannot_do_is_said_before_any_work(
    load_fresh: LoadFresh, document: object, rule: str
) -> None:
    with pytest.raises(InputError, match=rule):
        uwm.repair(load_fresh("clip"), uwm.Pairs.demo(limit=2), method(document))
