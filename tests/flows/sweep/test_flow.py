"""Sweeps: one capture, one pass per edit, and each row the audit that its method is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from flows.audit.flow import audit
from flows.audit_file.read import with_methods
from flows.plan.plan import Plan, make_plan
from flows.sweep.backbone import lay_out_sweep
from flows.sweep.flow import sweep as sweep_flow
from flows.sweep.results import SweepResults
from storage.store.store import Store
from tests.makers.commands import ended, kill_when, markers, start
from tests.makers.small_audits import DOCUMENT, PLAIN
from uwm.config import AuditConfig, SweepSettings

pytestmark = pytest.mark.usefixtures("prefect_server")
NEURONS = {"kind": "neurons", "share": [0.1, 0.2, 0.3], "alpha": [-2]}


def swept(config: AuditConfig, folder: Path, **settings: Any) -> SweepResults:
    wanted: SweepSettings = TypeAdapter(SweepSettings).validate_python(settings)
    return sweep_flow(config, wanted, str(folder / "store"), str(folder / "out"))


def test_a_plan_counts_what_the_sweep_then_makes(
    small: Callable[..., AuditConfig], tmp_path: Path
) -> None:
    config, store = small("clip"), Store(tmp_path / "store")
    settings = {**NEURONS, "towers": "same", "controls": 1}
    wanted: SweepSettings = TypeAdapter(SweepSettings).validate_python(settings)

    def planned() -> Plan:
        return make_plan(config, store, lambda stages, known: lay_out_sweep(stages, known, wanted))

    plan = planned()
    assert plan.unknown == []
    assert list(store.artifacts()) == []
    swept(config, tmp_path, **settings)
    assert plan.missing == len(list(store.artifacts()))
    after = planned()
    assert (after.missing, after.size) == (0, 0)


def kinds(store: Path) -> dict[str, int]:
    """How many artifacts of each kind there are."""
    found = [kind for kind, _, _ in Store(store).artifacts()]
    return {kind: found.count(kind) for kind in found}


def test_t_text_and_v_image_edits_cost_t_plus_v_passes_and_give_every_pair(
    small: Callable[..., AuditConfig], tmp_path: Path
) -> None:
    results = swept(small("clip"), tmp_path, **NEURONS)
    assert results.passes == {"clip": {"image": 3, "text": 3}}
    assert results.rows["row"].nunique() == 4 * 4
    made = kinds(tmp_path / "store")
    assert made["statistics"] == 2
    # Of the pairs and of the zero-shot set, by either tower, edited or not.
    assert made["embeddings"] == 2 * (3 + 3 + 2)
    original = results.rows[results.rows["method"] == '{"kind": "original"}']
    assert original["row"].nunique() == 1
    assert (original["change"] == 0).all()
    written = pd.read_parquet(tmp_path / "out" / "sweep.parquet")
    pd.testing.assert_frame_equal(written, results.rows)


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "neurons", "share": [0.2], "alpha": [-2], "score": ["standardized"]},
        {
            "kind": "uwm",
            "tau": [0.3],
            "score": ["difference"],
            "selection": ["count"],
            "sizes": [1],
        },
    ],
)
def test_a_row_is_what_an_audit_of_its_method_measures(
    small: Callable[..., AuditConfig], tmp_path: Path, settings: dict[str, Any]
) -> None:
    config = small("clip")
    rows = swept(config, tmp_path, **settings).rows
    last = rows[rows["row"] == rows["row"].max()]
    again = with_methods(config, [last["method"].iat[0]])
    found = audit(again, str(tmp_path / "store"), str(tmp_path / "again")).rows
    found = found[(found["method"] != "original") & (found["concept"] == "")]
    columns = ["dataset", "metric", "value", "low", "high", "change"]
    pd.testing.assert_frame_equal(
        found[columns].reset_index(drop=True), last[columns].reset_index(drop=True)
    )


def test_towers_may_go_place_by_place_with_controls_beside_them(
    small: Callable[..., AuditConfig], tmp_path: Path
) -> None:
    settings = {**NEURONS, "towers": "same", "controls": 1}
    results = swept(small("clip"), tmp_path, **settings)
    rows = results.rows.drop_duplicates("row")
    assert len(rows) == 1 + 3 + 3 + 3
    pairs = rows[rows["image_share"].notna() & rows["text_share"].notna()]
    assert (pairs["image_share"] == pairs["text_share"]).all()
    assert rows["control"].notna().sum() == 6
    assert results.passes == {"clip": {"image": 6, "text": 6}}


def test_killed_in_the_middle_a_sweep_goes_on(zoo: dict[str, Path], tmp_path: Path) -> None:
    backbones = [{"kind": "folder", "name": "clip", "folder": str(zoo["clip"])}]
    grid = NEURONS | {"share": [0.1, 0.2]}
    document = {**DOCUMENT, **PLAIN, "backbones": backbones, "sweep": grid}
    YAML().dump(document, tmp_path / "small.yaml")
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert ended(start("sweep", tmp_path / "small.yaml", whole)) == 0
    running = start("sweep", tmp_path / "small.yaml", cut)
    kill_when(running, cut / "store", "grids/*/COMPLETE.json")
    written = dict(markers(cut / "store"))
    assert ended(start("sweep", tmp_path / "small.yaml", cut)) == 0
    assert written.items() <= dict(markers(cut / "store")).items()
    for name in ("sweep.parquet", "sweep.json"):
        assert (cut / "out" / name).read_bytes() == (whole / "out" / name).read_bytes(), name
    assert json.loads((cut / "out" / "sweep.json").read_text())["passes"]["clip"]["image"] == 2
