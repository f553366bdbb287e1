"""What a search promises: it restarts where it was, chooses on validation data, and repeats."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from flows.audit.flow import audit
from flows.audit_file.read import read_config
from flows.cli.options import FAILED
from flows.search.first import DEFAULT, ORIGINAL, PROPOSED, UNIFORM
from flows.search.page import write_page
from flows.search.results import write_search
from storage.store.garbage import clear
from storage.store.store import Store
from tests.makers.commands import ended, kill_when, start, wait_for
from tests.makers.searches import METHODS, SEARCH, Searching
from tests.makers.small_audits import DOCUMENT
from uwm.errors import InputError
from uwm.search.pareto import front

pytestmark = pytest.mark.usefixtures("prefect_server")

MARGIN = Path(__file__).parents[3] / "examples/plugins/margin.py"
FILES = ("search.parquet", "results.parquet", "search.json", "search.html", "clip.yaml")


def written(store: Path) -> dict[Path, int]:
    """When each artifact was completed."""
    return {
        path: path.stat().st_mtime_ns
        for path in store.glob("*/*/COMPLETE.json")
        if path.parent.suffix != ".draft"
    }


def test_the_first_trials_are_given_and_the_claims_are_of_the_test_data(
    searching: Searching, tmp_path: Path
) -> None:
    results = searching(
        search=SEARCH | {"zeroshot": [{"kind": "demo", "set": "objects"}]},
        metrics=[f"{MARGIN}:MARGIN"],
    )
    searched = results.found["clip"]
    origins = [trial.origin for trial in searched.trials]
    assert origins[:3] == [ORIGINAL, DEFAULT, "method neurons"]
    assert set(origins[3:5]) == {UNIFORM}
    assert set(origins[5:]) == {PROPOSED}
    assert len(origins) == 9
    assert searched.trials[0].point is None
    default = searched.default.point
    assert default is not None
    assert {str(id): both for id, both in default.layers("text").items()} == {
        "text.00.out": (0.02, -1.0),
        "text.01.out": (0.02, -1.0),
    }
    for measured in ("zero-shot", "margin_t_u"):
        assert all(measured in trial.metrics for trial in searched.trials)
    assert searched.front == front([trial.value for trial in searched.trials])

    table = pd.read_parquet(tmp_path / "out" / "search.parquet")
    assert list(table["trial"]) == list(range(9))
    assert table.loc[1, "text.00.out.share"] == 0.02
    assert table.loc[0].filter(like=".share").isna().all()
    rows = pd.read_parquet(tmp_path / "out" / "results.parquet")
    points = {item.method.name for item in searched.chosen}
    assert {"original", "uwm", "neurons", *points} <= set(rows["method"])
    assert set(rows["control_of"].dropna()) == points
    assert "validation" not in set(rows["dataset"])
    assert set(rows.loc[rows["metric"] == "margin_t_u", "method"]) == set(rows["method"])


def test_a_trial_is_what_an_audit_of_its_point_measures(
    searching: Searching, searched_store: Path, tmp_path: Path
) -> None:
    results = searching()
    searched = results.found["clip"]
    assert searched.chosen
    read = read_config(tmp_path / "out" / "clip.yaml")
    audited = audit(read, str(searched_store), str(tmp_path / "audit"))
    pd.testing.assert_frame_equal(audited.rows, results.test.rows)
    swapped = read.model_copy(
        update={"benchmarks": (read.validation,), "validation": None, "search": None}
    )
    rows = audit(swapped, str(searched_store), str(tmp_path / "audit")).rows
    whole = rows[rows["concept"] == ""]
    values = whole.set_index(["method", "dataset", "metric"])["value"]
    for item in searched.chosen:
        for metric, value in searched.trials[item.trial].metrics.items():
            assert values[item.method.name, "validation", metric] == pytest.approx(value)


def test_a_second_search_repeats_and_a_larger_budget_goes_on(
    searching: Searching, tmp_path: Path
) -> None:
    folder = tmp_path / "store"
    first = searching(out="first", store=folder, budget=7)
    made = written(folder)
    searching(out="second", store=folder, budget=7)
    for name in FILES:
        pages = [(tmp_path / out / name).read_bytes() for out in ("first", "second")]
        assert pages[0] == pages[1], name
    assert written(folder) == made
    # What was made on the way may be cleared; the search still goes on from its trials.
    cleared = clear(Store(folder), older_than=-1)
    assert any(held.name.startswith("embeddings/") for held in cleared)
    longer = searching(out="third", store=folder, budget=9)
    assert longer.found["clip"].trials[:7] == first.found["clip"].trials
    assert len(longer.found["clip"].trials) == 9


def test_points_are_chosen_without_a_look_at_the_test_data(searching: Searching) -> None:
    one = searching()
    other = searching(
        benchmarks=[{"kind": "demo", "split": "test_second_style", "per_concept": 1}], zeroshot=[]
    )
    ours, theirs = one.found["clip"], other.found["clip"]
    assert ours.trials == theirs.trials
    assert (ours.chosen, ours.picks) == (theirs.chosen, theirs.picks)
    assert not one.test.rows.equals(other.test.rows)


def test_a_backbone_of_which_no_point_qualifies_stands_beside_another(
    searching: Searching, tmp_path: Path
) -> None:
    """Its trials are written all the same, and an audit without chosen points."""
    results = searching("clip", "siglip")
    some, none = results.found.values()
    nothing = [dataclasses.replace(claim, point=None, changes={}) for claim in none.claims]
    picks = dict.fromkeys(none.picks)
    none = dataclasses.replace(none, picks=picks, chosen=[], claims=nothing)
    results = dataclasses.replace(results, found={"clip": some, "siglip": none})
    write_search(tmp_path / "again", results)
    write_page(tmp_path / "again" / "search.html", results)
    page = (tmp_path / "again" / "search.html").read_text()
    assert all(f"siglip, {rule}: no point qualified" in page for rule in picks)
    left = read_config(tmp_path / "again" / "siglip.yaml")
    assert not [method for method in left.methods if method.name.startswith("search ")]


def test_another_seed_is_another_search(searching: Searching) -> None:
    one = searching()
    other = searching(search=SEARCH | {"seed": 5})
    mine, others = one.found["clip"].trials, other.found["clip"].trials
    assert mine[:3] == others[:3]
    assert not any(trial in others for trial in mine[3:])


def test_a_name_that_chosen_points_get_is_refused(searching: Searching) -> None:
    point = {"kind": "layerwise", "settings": {"text.00.fc2": [0.1, -1]}}
    with pytest.raises(InputError, match="rename search safer"):
        searching(methods=[{**point, "name": "search safer"}])


def test_killed_and_interrupted_it_ends_with_the_same_bytes(
    searching: Searching, zoo: dict[str, Path], tmp_path: Path
) -> None:
    backbones = [{"kind": "folder", "name": "clip", "folder": str(zoo["clip"])}]
    document = {**DOCUMENT, "backbones": backbones, "methods": METHODS, "search": SEARCH}
    YAML().dump(document, tmp_path / "small.yaml")

    searching(out="whole")
    cut = tmp_path / "cut"
    command = ("search", tmp_path / "small.yaml", cut)
    kill_when(start(*command), cut / "store", "trials/*/COMPLETE.json", count=2)
    process = start(*command)
    wait_for("trials/*/COMPLETE.json", process, cut / "store", count=3)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGINT)
    assert ended(process, 30) == FAILED
    told = (cut / "said.log").read_text()
    assert "interrupted; what was completed is kept" in told
    assert "Traceback" not in told
    assert not (cut / "out" / "search.json").exists()
    finished = written(cut / "store")
    assert ended(start(*command)) == 0
    assert finished.items() <= written(cut / "store").items()
    for name in FILES:
        assert (cut / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    said = json.loads((cut / "out" / "search.json").read_text())["findings"]
    assert len(said) == 2
