"""How far edits agree that parts of the calibration set make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from flows.audit.flow import audit
from flows.plan.plan import make_plan
from storage.store.store import Store
from tests.makers.runs import audited
from uwm.config import AuditConfig
from uwm.errors import InputError

Small = Callable[..., AuditConfig]
pytestmark = pytest.mark.usefixtures("prefect_server")
METHODS = [{"kind": "uwm"}, {"kind": "neurons", "share": 0.2, "scope": "block"}]
CALIBRATION = {"kind": "demo", "split": "calibration", "per_concept": 4}


def test_drift_runs_no_tower(small: Small, tmp_path: Path, driver: webdriver.Chrome) -> None:
    changes = {"methods": METHODS, "zeroshot": [], "calibration": CALIBRATION}
    audit(small(**changes), str(tmp_path / "store"), str(tmp_path / "out"))
    config = small(**changes, drift={"sizes": [1, 3], "seeds": 2})
    results, states = audited(config, tmp_path)
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


def test_a_part_that_is_all_of_the_calibration_set_is_refused(small: Small, tmp_path: Path) -> None:
    config = small(methods=METHODS, zeroshot=[], drift={"sizes": [2]})
    with pytest.raises(InputError, match=r"at most 2 pairs per concept; drift\.sizes has 2"):
        make_plan(config, Store(tmp_path / "store"))
