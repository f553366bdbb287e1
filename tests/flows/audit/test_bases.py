"""Methods that bring weights of their own: measured, edited, cached and told as all others."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flows.audit.export import export
from flows.audit.flow import audit
from flows.plan.plan import make_plan
from flows.results.findings import findings
from flows.results.table import AuditResults
from storage.store.store import Store
from tests.makers.artifacts import data_bytes
from tests.makers.backbones import write_backbone
from tests.makers.folders import folder_backbone, loaded
from tests.makers.runs import audited
from tests.makers.small_audits import DOCUMENT
from uwm.backbones.load import OtherWeights, load
from uwm.config import AuditConfig
from uwm.errors import InputError, WrongWeightsError
from uwm.families import TOWERS
from uwm.method.edit_files import read_edit

Small = Callable[..., AuditConfig]
pytestmark = pytest.mark.usefixtures("prefect_server")


def methods(published: Path) -> list[dict[str, Any]]:
    roles = {"image": ["fc1", "fc2"], "text": ["value", "out"]}
    return [
        {"kind": "uwm"},
        {"kind": "uwm", "name": "uwm on trained", "base": "trained"},
        {"kind": "neurons", "share": 0.1, "base": "published"},
        {"kind": "random", "of": "uwm on trained", "seeds": 1},
        {
            "kind": "safe_clip",
            "name": "trained",
            "epochs": 2,
            "rank": 2,
            "batch_size": 7,
            "roles": roles,
        },
        {
            "kind": "checkpoint",
            "name": "published",
            "weights": {"clip": {"kind": "folder", "folder": str(published)}},
        },
    ]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other weights of the small CLIP, and the store and results of the audit of all methods."""
    folder = tmp_path_factory.mktemp("weights")
    write_backbone(folder / "published", "clip", seed=5)
    return folder


@pytest.fixture(scope="module")
def config(zoo: dict[str, Path], place: Path) -> AuditConfig:
    backbones = [
        {"kind": "folder", "name": family, "folder": str(zoo[family])}
        for family in ("clip", "siglip")
    ]
    changes = {"methods": methods(place / "published"), "validation": None}
    return AuditConfig.model_validate({**DOCUMENT, "backbones": backbones, **changes})


@pytest.fixture(scope="module")
def results(prefect_server: None, config: AuditConfig, place: Path) -> AuditResults:
    return audit(config, str(place / "store"), str(place / "out"))


def settings(results: AuditResults, method: str) -> dict[str, Any]:
    return next(entry for entry in results.settings["clip"] if entry["method"] == method)


def test_weights_are_measured_and_edited_and_a_second_run_is_cached(
    config: AuditConfig, place: Path, results: AuditResults
) -> None:
    names = ["original", "uwm", "uwm on trained", "neurons", "trained", "published"]
    assert [entry["method"] for entry in results.settings["clip"]] == [
        *names,
        "random uwm on trained #0",
    ]
    # The checkpoint names the one backbone only, and so do its edits.
    assert [entry["method"] for entry in results.settings["siglip"]] == [
        *("original", "uwm", "uwm on trained", "trained", "random uwm on trained #0")
    ]
    told = findings(results)
    assert [finding.said.split(":")[0] for finding in told] == [
        *(f"clip, {name}" for name in names[1:]),
        *(f"siglip, {name}" for name in ("uwm", "uwm on trained", "trained")),
    ]
    rows = results.rows.set_index(["backbone", "method", "metric", "dataset"])
    changes = rows.loc[("clip", ("trained", "published")), "change"]
    assert (changes != 0).any()
    page = (place / "out" / "report.html").read_text()
    assert "uwm on trained (on trained)" in page
    assert "The text tower was trained for 2 epochs" in page

    written = (place / "out" / "results.parquet").read_bytes()
    assert set(audited(config, place)[1].values()) == {"Cached"}
    assert (place / "out" / "results.parquet").read_bytes() == written


def test_an_edit_is_made_on_the_weights_of_its_base(
    place: Path, results: AuditResults, zoo: dict[str, Path]
) -> None:
    store = Store(place / "store")
    original = load(folder_backbone(zoo["clip"]))
    weights = settings(results, "trained")["weights"]
    assert weights["digests"] != {tower: original.tower_digest(tower) for tower in TOWERS}
    for tower in TOWERS:
        assert weights["trained"][tower]["last"].keys() == weights["trained"][tower]["first"].keys()
        plain, based, drawn = (
            settings(results, method)[tower]["edit"]
            for method in ("uwm", "uwm on trained", "random uwm on trained #0")
        )
        assert plain != based
        for name in (based, drawn):
            with pytest.raises(WrongWeightsError):
                read_edit(store.path(name)).apply(original.model)
    published = loaded(place / "published")
    digests = {tower: published.tower_digest(tower) for tower in TOWERS}
    assert settings(results, "published")["weights"]["digests"] == digests
    edit = read_edit(store.path(settings(results, "neurons")["text"]["edit"]))
    edit.apply(published.model)


def test_trainings_are_chosen_on_validation_pairs_and_one_tower_may_be_left(
    small: Small, tmp_path: Path
) -> None:
    grid = {
        "kind": "safe_clip",
        "epochs": 1,
        "rank": 2,
        "batch_size": 10,
        "lora_alpha": 2,
        "learning_rate": {"image": 0.001, "text": [0.001, 0.01]},
        "roles": {"image": ["fc2"], "text": ["fc1"]},
    }
    edit = {"kind": "uwm", "base": "safe_clip", "roles": {"image": ["fc2"], "text": []}}
    config = small(methods=[grid, edit], zeroshot=[])
    assert make_plan(config, Store(tmp_path / "store")).unknown  # which is chosen
    results = audit(config, str(tmp_path / "store"), str(tmp_path / "out"))
    table = results.choices["clip"]["safe_clip"]
    assert len(table) == 2 * 3  # a rate or none of the one tower, two or none of the other
    assert table.loc[0, ["image_learning_rate", "text_learning_rate"]].isna().all()
    (row,) = table[table["chosen"]].to_dict("records")
    trained = settings(results, "safe_clip")["weights"].get("trained", {})
    taken = {tower: entry["learning_rate"] for tower, entry in trained.items()}
    asked = {tower: row[f"{tower}_learning_rate"] for tower in TOWERS}
    assert taken == {tower: rate for tower, rate in asked.items() if rate == rate}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "the grid of safe_clip on the validation pairs" in page
    assert "text learning rate" in page
    plan = make_plan(config, Store(tmp_path / "store"))
    assert (plan.missing, plan.unknown) == (0, [])


def test_an_untouched_tower_shares_every_artifact(small: Small, tmp_path: Path) -> None:
    trained = {
        "kind": "safe_clip",
        "epochs": 1,
        "rank": 2,
        "batch_size": 10,
        "roles": {"image": [], "text": ["fc1"]},
    }
    edit = {"kind": "uwm", "base": "safe_clip", "roles": {"image": ["fc2"], "text": []}}
    config = small(methods=[trained, edit], validation=None, zeroshot=[])
    _, states = audited(config, tmp_path)
    assert "embed · clip · safe_clip · text · unedited" in states
    assert "embed · clip · safe_clip · image · unedited" not in states


def test_what_is_planned_is_what_is_made(small: Small, place: Path, tmp_path: Path) -> None:
    config = small("clip", methods=methods(place / "published"), validation=None)
    store = Store(tmp_path / "store")
    plan = make_plan(config, store)
    assert plan.unknown == []
    audit(config, store.url, str(tmp_path / "out"))
    assert plan.missing == len(list(store.artifacts()))
    (row,) = (row for row in plan.rows if row.stage == "tune")
    pairs = int(pd.read_parquet(next(store.root.glob("datasets/*/*.parquet"))).shape[0])
    assert row.size == pytest.approx(data_bytes(store, "tuned"), rel=0.5)
    assert row.passes["image"] == row.passes["text"] > pairs
    after = make_plan(config, store)
    assert (after.missing, after.size, after.unknown) == (0, 0, [])


@pytest.mark.parametrize("method", ["trained", "published", "uwm on trained", "neurons"])
def test_repaired_weights_are_exported(
    config: AuditConfig, results: AuditResults, place: Path, tmp_path: Path, method: str
) -> None:
    store = str(place / "store")
    names = export(config, "clip", method, "open_clip", store, place / "out", tmp_path / "x")
    found = loaded(tmp_path / "x")
    base = {"uwm on trained": "trained", "neurons": "published"}.get(method, method)
    digests = settings(results, base)["weights"]["digests"]
    edited = base != method
    assert [found.tower_digest(tower) == digests[tower] for tower in TOWERS] == [not edited] * 2
    assert len(names) == 2 * edited + 2 * (base == "trained")


def test_a_checkpoint_that_changed_since_the_audit_is_not_exported(
    config: AuditConfig, results: AuditResults, place: Path, tmp_path: Path
) -> None:
    written = json.loads((place / "out" / "results.json").read_text())
    for entry in written["settings"]["clip"]:
        if entry["method"] == "published":
            entry["weights"]["digests"]["text"] = "0"
    (tmp_path / "results.json").write_text(json.dumps(written))
    with pytest.raises(WrongWeightsError, match="text tower's weights of published"):
        export(config, "clip", "published", "hf", str(place / "store"), tmp_path, tmp_path / "x")


def test_weights_of_another_network_are_refused_before_anything_runs(
    small: Small, zoo: dict[str, Path], tmp_path: Path
) -> None:
    weights = {"clip": {"kind": "folder", "folder": str(zoo["siglip"])}}
    config = small(methods=[{"kind": "checkpoint", "weights": weights}], validation=None)
    with pytest.raises(InputError, match=r"checkpoint, clip: .* have another image tower"):
        audit(config, str(tmp_path / "store"), str(tmp_path / "out"))
    assert list(Store(tmp_path / "store").artifacts()) == []


def test_other_preprocessing_is_refused(zoo: dict[str, Path], tmp_path: Path) -> None:
    folder = write_backbone(tmp_path / "other", "clip", seed=2)
    path = folder / "open_clip_config.json"
    content = json.loads(path.read_text())
    content["preprocess_cfg"]["resize_mode"] = "squash"
    path.write_text(json.dumps(content))
    original = load(folder_backbone(zoo["clip"]))
    with pytest.raises(InputError, match="prepare pictures"):
        original.variant(OtherWeights(folder_backbone(folder)))
