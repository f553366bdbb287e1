"""Concepts held out: edits made without a concept, measured on it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console
from selenium import webdriver
from selenium.webdriver.common.by import By

from flows.plan.plan import make_plan
from flows.report.terminal import print_results
from flows.sections.held_out import held_out_concepts, held_out_gaps, held_out_sentences
from storage.store.store import Store
from tests.makers.pair_layouts import of_concepts
from tests.makers.runs import audited
from uwm.config import AuditConfig
from uwm.errors import InputError

Small = Callable[..., AuditConfig]
pytestmark = pytest.mark.usefixtures("prefect_server")
METHODS = [{"kind": "uwm"}, {"kind": "neurons", "share": 0.2, "scope": "block"}]
CALIBRATION = {"kind": "demo", "split": "calibration", "per_concept": 4}


def test_held_out_concepts_are_measured_with_edits_made_without_them(
    small: Small, tmp_path: Path, driver: webdriver.Chrome
) -> None:
    changes = {"methods": METHODS, "zeroshot": [], "held_out": {"methods": ["neurons"]}}
    config = small(calibration=CALIBRATION, **changes)
    assert make_plan(config, Store(tmp_path / "store")).unknown == []
    results, states = audited(config, tmp_path)
    table = pd.read_parquet(tmp_path / "out" / "held_out.parquet")
    assert set(table["method"]) == {"neurons"}
    pooled = table[table["concept"] == ""].set_index("metric")
    per_concept = table[table["concept"] != ""]
    assert per_concept["concept"].nunique() == 10
    assert (pooled["n"] == 20).all()
    assert (per_concept["n"] == 2).all()
    # The ordinary edit is the audit's own, here and there.
    rows = results.rows[(results.rows["method"] == "neurons")]
    own = rows.set_index(["concept", "metric"])["change"]
    for row in per_concept.itertuples():
        assert row.ordinary == pytest.approx(own[row.concept, row.metric])
    whole = own[""]
    for metric, ordinary in pooled["ordinary"].items():
        assert ordinary == pytest.approx(whole[metric])

    specs = [
        json.loads((path / "spec.json").read_text())
        for kind, _, path in Store(tmp_path / "store").artifacts()
        if kind == "scores"
    ]
    sentences = held_out_sentences(results.tables["held_out"])
    assert sentences
    written = json.loads((tmp_path / "out" / "results.json").read_text())
    assert written["findings"][-len(sentences) :] == sentences

    left_out = [tuple(spec["subset"]["without"]) for spec in specs if spec["subset"]]
    assert len(left_out) == 2 * 10  # in each tower
    assert all(len(tags) == 1 for tags in left_out)
    captures = [name for name in states if name.startswith("capture")]
    assert len(captures) == 2  # one serves all

    again, states = audited(config, tmp_path)
    assert set(states.values()) == {"Cached"}
    pd.testing.assert_frame_equal(again.tables["held_out"], results.tables["held_out"])
    assert make_plan(config, Store(tmp_path / "store")).missing == 0
    driver.get((tmp_path / "out" / "report.html").as_uri())
    assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []
    text = driver.find_element(By.TAG_NAME, "body").text
    assert "Concepts held out" in text
    assert "all held out" in text
    assert "Concept by concept" in text
    told = io.StringIO()
    print_results(Console(file=told, width=400), results)
    assert "clip, neurons made without a concept and measured on it: P_t_u" in told.getvalue()


def test_spelling_is_no_other_concept_and_what_is_missing_is_told(
    small: Small, tmp_path: Path
) -> None:
    calibration = of_concepts(tmp_path, "made", ("bodily bluids", "hate", "theft"))
    benchmark = of_concepts(tmp_path, "asked", ("Bodily Fluids", "HATE ", "fraud"))
    config = small(
        calibration=calibration,
        validation=None,
        benchmarks=[benchmark],
        methods=[{"kind": "uwm"}],
        held_out={"methods": ["uwm"], "benchmark": "asked"},
    )
    assert held_out_concepts(config) == {"bodily fluids": ("bodily bluids",), "hate": ("hate",)}
    new, unmeasured = held_out_gaps(config)
    assert new.startswith("not held out: fraud; calibration made has no such pairs")
    assert unmeasured.startswith("not held out: theft; benchmark asked has no such pairs")

    strange = config.model_copy(
        update={
            "benchmarks": small(benchmarks=[of_concepts(tmp_path, "odd", ("fraud",))]).benchmarks
        }
    )
    strange = strange.model_copy(update={"held_out": None})
    assert held_out_gaps(strange) == []
    with pytest.raises(InputError, match="shares none with odd"):
        held_out_concepts(strange)
