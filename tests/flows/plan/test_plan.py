"""A plan says what the audit then does: the same artifacts, bytes and passes."""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from flows.audit.flow import audit
from flows.cli.app import run
from flows.cli.options import BAD_INPUT, DONE
from flows.plan.plan import PlannedStages, check_room, make_plan
from storage.formats.backbone_results import BackboneResultsSpec
from storage.store.shards import ShardedSpec
from storage.store.spec import Spec
from storage.store.store import Store
from tests.makers.artifacts import data_bytes
from tests.makers.audit_files import GOOD
from uwm.backbones.backbone import Backbone
from uwm.config import AuditConfig
from uwm.errors import InputError, UnsupportedFamilyError
from uwm.families import TOWERS, Tower

pytestmark = pytest.mark.usefixtures("prefect_server")
KINDS = {
    "ingest": "datasets",
    "decode pixels": "pixels",
    "tokenize": "tokens",
    "capture statistics": "statistics",
    "embed": "embeddings",
    "rewrite": "embeddings",
    "pool": "pooled",
    "tokenize phrases": "tokens",
}


def picked(setting: dict[str, Any]) -> list[dict[str, Any]]:
    return [setting[tower] for tower in TOWERS if setting[tower]]


def test_what_a_stage_reads_is_in_its_spec_and_planned_before_it(
    small: Callable[..., AuditConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads an artifact by a bare digest does not wait for it."""
    config = small(
        "clip",
        methods=[
            {"kind": "uwm", "tau": [0.01, 0.02]},
            {"kind": "g_safe_clip", "batch_size": 8},
            {"kind": "safe_clip", "epochs": 1},
            {"kind": "random", "of": "uwm", "seeds": 1, "equal": "contribution"},
            {"kind": "blanking"},
        ],
        validation={"kind": "demo", "split": "validation", "per_concept": 2},
        held_out={"methods": ["uwm"]},
        drift={"halves": True},
    )
    planned: list[Spec] = []
    count = PlannedStages.count

    def noted(self: PlannedStages, stage: str, spec: Spec, *cost: Any) -> None:
        planned.append(spec)
        count(self, stage, spec, *cost)

    monkeypatch.setattr(PlannedStages, "count", noted)
    make_plan(config, Store(tmp_path / "store"))
    known = {spec.digest: place for place, spec in reversed([*enumerate(planned)])}
    kinds = {spec.kind for spec in planned}
    assert kinds >= {"choices", "tuned", "agreements", "held_out", "edits", "results"}
    for place, spec in enumerate(planned):
        written = set(re.findall(r"\b[0-9a-f]{40}\b", spec.model_dump_json()))
        if spec.kind != BackboneResultsSpec.kind:
            trained = {getattr(spec, "weights", "")}  # of a training stands for weights to come
            assert {read.digest for read in spec.inputs if read not in shards(spec)} == (
                written - trained
            )
        for read in spec.inputs:
            assert known[read.digest] < place


def shards(spec: Spec) -> tuple[Spec, ...]:
    return spec.shards if isinstance(spec, ShardedSpec) else ()


def test_the_audit_writes_and_runs_what_was_planned(
    small: Callable[..., AuditConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small(
        "clip",
        "siglip",
        calibration={"kind": "demo", "split": "calibration", "per_concept": 5},
        methods=[
            {"kind": "uwm"},
            {"kind": "neurons"},
            {"kind": "g_unsafe"},
            {"kind": "g_safe_clip", "batch_size": 8, "roles": {"image": ["fc2"], "text": []}},
            {"kind": "random", "of": "uwm", "seeds": 2},
            {"kind": "random", "of": "g_unsafe", "seeds": 1},
            {"kind": "magnitude", "of": "neurons"},
            {"kind": "blanking"},
            {"kind": "leace", "towers": ["image", "text"]},
            {"kind": "redirect"},
            {"kind": "swapped", "of": "redirect"},
            {"kind": "redirect_projection"},
            {"kind": "one_way", "of": "redirect_projection"},
        ],
    )
    store = Store(tmp_path / "store")
    plan = make_plan(config, store)
    assert plan.unknown == []
    assert list(store.artifacts()) == []

    ran: Counter[Tower] = Counter()

    def counted(name: str) -> Callable[[Backbone, Tower, Tensor], Tensor]:
        run = getattr(Backbone, name)

        def count(self: Backbone, tower: Tower, inputs: Tensor) -> Tensor:
            ran[tower] += len(inputs)
            embeddings: Tensor = run(self, tower, inputs)
            return embeddings

        return count

    for name in ("forward", "differentiable"):
        monkeypatch.setattr(Backbone, name, counted(name))
    results = audit(config, store.url, str(tmp_path / "out"))
    assert {tower: plan.passes(tower) for tower in TOWERS} == dict(ran)
    assert plan.missing == len(list(store.artifacts()))
    for kind in KINDS.values():
        planned = sum(row.size for row in plan.rows if KINDS.get(row.stage) == kind)
        assert planned == pytest.approx(data_bytes(store, kind), rel=0.08), kind
    planned = sum(row.size for row in plan.rows if row.stage in ("score", "score gradients"))
    assert planned == pytest.approx(data_bytes(store, "scores"), rel=0.08)
    of = {setting["method"]: setting for setting in results.settings["clip"]}
    assert (of["g_unsafe"]["image"]["rule"], of["g_unsafe"]["text"]["rule"]) == ("mass", "count")
    assert of["g_unsafe"]["text"]["gradient_batch_size"] == 64
    assert (of["g_safe_clip"]["image"]["alpha"], of["g_safe_clip"]["text"]) == (0, None)
    assert of["random g_unsafe #0"]["text"]["selected"] == of["g_unsafe"]["text"]["selected"]
    selected = sum(
        entry["selected"] for setting in results.settings["clip"] for entry in picked(setting)
    )
    edits = [row for row in plan.rows if row.stage in ("edit", "redirect", "redirect projection")]
    bound = sum(row.size for row in edits if row.backbone == "clip")
    assert 0 < 8 * selected <= bound

    after = make_plan(config, store)
    assert (after.missing, after.size, after.unknown) == (0, 0, [])
    assert sum(row.cached for row in after.rows) == plan.missing
    assert all(after.passes(tower) == 0 for tower in TOWERS)


def test_what_depends_on_a_choice_is_said_until_it_is_made(
    small: Callable[..., AuditConfig], tmp_path: Path
) -> None:
    config = small(zeroshot=[])
    store = Store(tmp_path / "store")
    (said,) = make_plan(config, store).unknown
    assert "which of 9 candidates" in said
    audit(config, store.url, str(tmp_path / "out"))
    after = make_plan(config, store)
    assert (after.missing, after.unknown) == (0, [])


def test_what_does_not_fit_is_refused(
    small: Callable[..., AuditConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store")
    plan = make_plan(small(zeroshot=[], methods=[{"kind": "uwm"}]), store)
    check_room(plan, store)
    plan.rows.append(dataclasses.replace(plan.rows[0], size=2**60))
    with pytest.raises(InputError, match="make room"):
        check_room(plan, store)


def test_a_tower_without_a_projection_is_refused_before_anything_is_made(
    small: Callable[..., AuditConfig], tmp_path: Path
) -> None:
    """The image tower of SigLIP ends in an attention pool."""
    methods = [{"kind": "redirect_projection", "towers": ["image"]}]
    store = Store(tmp_path / "store")
    with pytest.raises(UnsupportedFamilyError, match="leave it out of `towers`"):
        make_plan(small("siglip", methods=methods), store)
    assert list(store.artifacts()) == []


def test_plan_and_audit_refuse_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "audit.yaml"
    config.write_text(GOOD)
    option = ["--store", str(tmp_path / "store"), "--out", str(tmp_path / "out")]
    assert run(["plan", str(config), *option[:2]]) == DONE
    assert "capture statistics" in capsys.readouterr().out
    usage = shutil.disk_usage

    def full(path: Path) -> object:
        return usage(path)._replace(free=1000)

    monkeypatch.setattr("storage.store.store.shutil.disk_usage", full)
    assert run(["plan", str(config), *option[:2]]) == BAD_INPUT
    assert run(["audit", str(config), *option]) == BAD_INPUT
    assert "make room" in capsys.readouterr().err
    assert list(Store(tmp_path / "store").artifacts()) == []
