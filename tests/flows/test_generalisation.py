"""Repairs on concepts, samples and data sets that they were not made from."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError
from rich.console import Console
from selenium import webdriver
from selenium.webdriver.common.by import By

from flows.audit import audit
from flows.generalisation import concept_rows, generalisation, generalised
from flows.held_out import held_out_concepts, held_out_gaps
from flows.leaks import leaks
from flows.plan import make_plan
from flows.terminal import print_results
from storage.store import Store
from tests.flows.conftest import task_states
from tests.storage.sources.layouts import LAYOUTS, quadruples
from uwm.config import AuditConfig
from uwm.errors import InputError

Small = Callable[..., AuditConfig]
pytestmark = pytest.mark.usefixtures("prefect_server")
METHODS = [{"kind": "uwm"}, {"kind": "neurons", "share": 0.2, "scope": "block"}]
CALIBRATION = {"kind": "demo", "split": "calibration", "per_concept": 4}


def run(config: AuditConfig, folder: Path) -> tuple[Any, dict[str, str]]:
    """Run an audit; its results and the states of its task runs."""
    state: Any = audit(config, str(folder / "store"), str(folder / "out"), return_state=True)
    return state.result(), task_states(state)


def test_held_out_concepts_are_measured_with_edits_made_without_them(
    small: Small, tmp_path: Path, driver: webdriver.Chrome
) -> None:
    changes = {"methods": METHODS, "zeroshot": [], "held_out": {"methods": ["neurons"]}}
    config = small(calibration=CALIBRATION, **changes)
    assert make_plan(config, Store(tmp_path / "store")).unknown == []
    results, states = run(config, tmp_path)
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
    for metric, row in pooled.iterrows():
        assert row["ordinary"] == pytest.approx(whole[metric])

    specs = [
        json.loads((path / "spec.json").read_text())
        for kind, _, path in Store(tmp_path / "store").artifacts()
        if kind == "scores"
    ]
    said = generalised(results)
    assert said
    written = json.loads((tmp_path / "out" / "results.json").read_text())
    assert written["findings"][-len(said) :] == said

    left_out = [tuple(spec["subset"]["without"]) for spec in specs if spec["subset"]]
    assert len(left_out) == 2 * 10  # in either tower
    assert all(len(tags) == 1 for tags in left_out)
    captures = [name for name in states if name.startswith("capture")]
    assert len(captures) == 2  # one serves all

    again, states = run(config, tmp_path)
    assert set(states.values()) == {"Cached"}
    pd.testing.assert_frame_equal(again.tables["held_out"], results.tables["held_out"])
    assert make_plan(config, Store(tmp_path / "store")).missing == 0
    driver.get((tmp_path / "out" / "report.html").as_uri())
    assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []
    text = driver.find_element(By.TAG_NAME, "body").text
    assert "Concepts held out" in text
    assert "all held out" in text
    assert "Concept by concept" in text
    console = Console(file=io.StringIO(), width=400)
    print_results(console, results)
    assert "clip, neurons made without a concept: P_t_u" in console.file.getvalue()  # type: ignore[attr-defined]


def test_drift_runs_no_tower(small: Small, tmp_path: Path, driver: webdriver.Chrome) -> None:
    changes = {"methods": METHODS, "zeroshot": [], "calibration": CALIBRATION}
    run(small(**changes), tmp_path)
    config = small(**changes, drift={"sizes": [1, 3], "seeds": 2})
    results, states = run(config, tmp_path)
    made = {name.split(" · ")[0] for name, state in states.items() if state == "Completed"}
    assert made == {"score", "edit", "agree"}
    table = results.tables["drift"]
    assert set(table["compared"]) == {
        "halves",
        *(f"{size} per concept, {what}" for size in (1, 3) for what in ("two draws", "with all")),
    }
    assert set(zip(table["method"], table["tower"], strict=True)) == {
        (method, tower) for method in ("uwm", "neurons") for tower in ("image", "text")
    }
    assert table["jaccard"].between(0, 1).all()
    assert (table["expected"] > 0).all()
    nodes = table[table["method"] == "neurons"]
    assert (nodes["selected_first"] == nodes["selected_second"]).all()
    halves = table[table["compared"] == "halves"]
    assert (halves["pairs_shared"] == 0).all()
    with_all = table[table["compared"] == "3 per concept, with all"]
    assert (with_all["pairs_shared"] == 0.75).all()
    driver.get((tmp_path / "out" / "report.html").as_uri())
    assert driver.find_elements(By.CSS_SELECTOR, "#drift-0 .scatterlayer .trace")


def test_sections_that_cannot_be_are_told(small: Small) -> None:
    for section, said in (
        ({"held_out": {"methods": ["nerons"]}}, "got nerons"),
        ({"held_out": {"methods": ["uwm"], "benchmark": "train"}}, r"\(test\); got 'train'"),
        ({"drift": {"halves": False}}, "nothing to compare"),
        ({"drift": {}, "methods": [{"kind": "original"}]}, "no method of this audit makes one"),
    ):
        with pytest.raises(ValidationError, match=said):
            small(**section)


def test_a_part_that_is_all_of_the_calibration_set_is_refused(small: Small, tmp_path: Path) -> None:
    config = small(methods=METHODS, zeroshot=[], drift={"sizes": [2]})
    with pytest.raises(InputError, match="at most 2 pairs per concept; 2 is all of it"):
        make_plan(config, Store(tmp_path / "store"))


def pairs(folder: Path, name: str, concepts: tuple[str, ...], count: int = 12, **more: Any) -> Any:
    rows = quadruples(count)
    for number, row in enumerate(rows):
        row.concept = concepts[number % len(concepts)]
        row.texts = {part: f"{name} {text}" for part, text in row.texts.items()}
        row.pictures = more.get("pictures", row.pictures)
    return {**LAYOUTS["csv"](folder / name, rows).model_dump(), "name": name}


def test_spelling_is_no_other_concept_and_what_is_missing_is_told(
    small: Small, tmp_path: Path
) -> None:
    calibration = pairs(tmp_path, "made", ("bodily bluids", "hate", "theft"))
    benchmark = pairs(tmp_path, "asked", ("Bodily Fluids", "HATE ", "fraud"))
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
        update={"benchmarks": small(benchmarks=[pairs(tmp_path, "odd", ("fraud",))]).benchmarks}
    )
    strange = strange.model_copy(update={"held_out": None})
    assert held_out_gaps(strange) == []
    with pytest.raises(InputError, match="they share none"):
        held_out_concepts(strange)


def test_a_benchmark_that_edits_were_made_from_is_told(small: Small, tmp_path: Path) -> None:
    part = {"kind": "demo", "split": "calibration", "per_concept": 1}
    config = small(benchmarks=[part], zeroshot=[], methods=[{"kind": "uwm"}])
    (said,) = leaks(config)
    assert said.startswith("10 of 10 benchmark pairs of calibration are also calibration pairs")
    results = audit(config, str(tmp_path / "store"), str(tmp_path / "out"))
    assert results.warnings == [said]
    assert json.loads((tmp_path / "out" / "results.json").read_text())["warnings"] == [said]
    assert (tmp_path / "out" / "report.html").read_text().count(said) == 1
    console = Console(file=io.StringIO(), width=400)
    print_results(console, results)
    assert said in console.file.getvalue()  # type: ignore[attr-defined]


def test_validation_pairs_count_where_an_edit_is_chosen_on_them(small: Small) -> None:
    changes = {"benchmarks": [{"kind": "demo", "split": "validation"}]}
    assert leaks(small(**changes, methods=[{"kind": "uwm"}])) == []
    chosen = leaks(small(**changes, methods=[{"kind": "uwm", "tau": [0.02, 0.1]}]))
    assert "10 of 500 benchmark pairs of validation are also validation pairs" in chosen[0]


def test_pairs_that_share_a_picture_are_told_apart(small: Small, tmp_path: Path) -> None:
    benchmark = pairs(tmp_path, "asked", ("hate",))
    near = pairs(tmp_path, "made", ("hate",))  # the same pictures with other texts
    base = {"calibration": near, "benchmarks": [benchmark], "methods": [{"kind": "uwm"}]}
    (said,) = leaks(small(**base, validation=None))
    assert said.startswith("12 of 12 benchmark pairs of asked share a picture or both texts")


def test_another_data_set_may_calibrate(small: Small, tmp_path: Path) -> None:
    """The demo's second style of pictures to make edits from, and the first to test them on."""
    second = {"kind": "demo", "split": "test_second_style", "per_concept": 2}
    config = small(calibration=second, methods=[{"kind": "uwm"}], zeroshot=[])
    results = audit(config, str(tmp_path / "store"), str(tmp_path / "out"))
    assert results.warnings == []
    (setting,) = (part for part in results.settings["clip"] if part["method"] == "uwm")
    assert setting["text"]["samples"] == 20
    assert set(results.rows["dataset"]) == {"test"}
    assert [row.n for row in concept_rows(results, "test", "clip")] == [2] * 10
    assert "Concepts held out" not in generalisation(results)
    # Two pairs of a concept show nothing, and no change on them is marked.
    assert not any(
        change.sign
        for row in concept_rows(results, "test", "clip")
        for found in row.changes.values()
        for change in found.values()
    )
