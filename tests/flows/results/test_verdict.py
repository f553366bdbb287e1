"""A policy held against kept audits, from real evaluations to the exit code."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter
from prefect.events.schemas.events import ReceivedEvent
from ruamel.yaml import YAML
from selenium import webdriver
from selenium.webdriver.common.by import By

from flows.audit.history import PASSED
from flows.audit.history import REGRESSED as REGRESSED_EVENT
from flows.cli.app import run
from flows.cli.options import BAD_INPUT, DONE, REGRESSED
from storage.store.garbage import garbage
from storage.store.history import baseline, kept, written
from storage.store.store import Store
from tests.makers.policies import ANY_FALL, damage, judged
from tests.makers.small_audits import PERCENT
from uwm.errors import InputError

pytestmark = pytest.mark.usefixtures("prefect_server")


def told_events(count: int, since: datetime) -> list[ReceivedEvent]:
    """The verdicts that the server heard of, latest first; it writes them down in its own time."""
    wanted = EventFilter(
        event=EventNameFilter(name=[PASSED, REGRESSED_EVENT]),
        occurred=EventOccurredFilter(since=since),
    )
    limit = time.monotonic() + 60
    with get_client(sync_client=True) as client:
        while len(found := client.read_events(wanted, limit=10).events) < count:
            assert time.monotonic() < limit, f"{len(found)} of {count} events after a minute"
            time.sleep(0.2)
    return list(found)


def test_the_first_audit_has_no_baseline_and_floors_hold_nevertheless(
    document: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    _, verdict = judged(document(ANY_FALL), tmp_path)
    assert verdict.passed
    assert {check.basis for check in verdict.checks} == {"no baseline"}
    assert verdict.sentence.endswith("no baseline yet (floors only)")
    floor = [{"metric": "zero-shot", "floor": 100, "methods": ["original"]}]
    _, verdict = judged(document(floor, name="floor"), tmp_path)
    (check,) = verdict.broken
    assert check.broken.endswith("below the floor of 100")
    assert baseline(Store(tmp_path / "store"), "floor", None) is None


def test_an_unchanged_zoo_has_changed_by_nothing(
    document: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    judged(document(ANY_FALL), tmp_path)
    _, verdict = judged(document(ANY_FALL), tmp_path)
    assert verdict.passed
    assert {(check.basis, check.p) for check in verdict.checks} == {("unchanged", 1.0)}
    assert {check.method for check in verdict.checks} == {"original", "neurons"}


def test_a_planted_regression_is_found_kept_and_not_the_next_baseline(
    document: Callable[..., dict[str, Any]],
    model: Path,
    tmp_path: Path,
    driver: webdriver.Chrome,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rules = [*ANY_FALL, {"metric": "P_t_u", "max_fall": 100}, {"metric": "zero-shot", "floor": 0}]
    path, out = tmp_path / "audit.yaml", tmp_path / "out"
    places = ["--store", str(tmp_path / "store"), "--out", str(out)]
    YAML().dump(document(rules), path)
    began = datetime.now(UTC)
    assert run(["audit", str(path), *places]) == DONE
    before = json.loads((out / "results.json").read_text())["verdict"]
    assert before["passed"]
    damage(model)
    capsys.readouterr()
    assert run(["audit", str(path), *places]) == REGRESSED
    told = capsys.readouterr().out
    assert "regressed: " in told
    assert "one, original: P_t_s on test fell by " in told
    found = json.loads((out / "results.json").read_text())["verdict"]
    broken = [check for check in found["checks"] if check["broken"]]
    assert {check["metric"] for check in broken} == {"P_t_s"}
    assert {check["basis"] for check in found["checks"] if check["before"]} == {"paired"}
    driver.get((out / "report.html").as_uri())
    assert driver.find_element(By.CSS_SELECTOR, "p.down").text.startswith("regressed: ")
    events = told_events(2, began)
    assert [event.event for event in events] == [REGRESSED_EVENT, PASSED]
    assert events[0].resource.id == "uwm.audit.small"
    assert "P_t_s" in events[0].payload["broken"][0]

    store = Store(tmp_path / "store")
    first, second = kept(store, "small")
    assert (second.verdict, second.accepted) == ("regressed", False)
    assert baseline(store, "small", None) == first
    assert not {held.name for held in garbage(store, older_than=0)} & {
        name for names in first.evaluations["one"].values() for name in names
    }
    assert run(["audit", str(path), *places]) == REGRESSED  # until it is mended or accepted
    history = ["history", "small", *places[:2]]
    capsys.readouterr()
    assert run([*history, "--page", str(tmp_path / "history.html")]) == DONE
    told = capsys.readouterr().out
    assert written(first.when) in told
    assert told.count("P_t_s on test fell by") >= 2
    driver.get((tmp_path / "history.html").as_uri())
    assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []
    assert driver.find_elements(By.CSS_SELECTOR, "#history-0 .scatterlayer .trace")
    assert len(driver.find_elements(By.CSS_SELECTOR, "td.regressed")) == 2
    assert run(["history", "accept", "small", *places[:2]]) == DONE
    assert run(["audit", str(path), *places]) == DONE


def test_other_data_are_compared_without_pairs(
    document: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    judged(document(ANY_FALL), tmp_path)
    other = document(ANY_FALL, benchmarks=[{**PERCENT, "per_concept": 4}])
    _, verdict = judged(other, tmp_path)
    assert {check.basis for check in verdict.checks} == {"not paired"}


def test_what_only_one_audit_has_is_told(
    document: Callable[..., dict[str, Any]], model: Path, tmp_path: Path
) -> None:
    judged(document(ANY_FALL), tmp_path)
    renamed = [{"kind": "folder", "name": "two", "folder": str(model)}]
    results, verdict = judged(document(ANY_FALL, backbones=renamed), tmp_path)
    assert verdict.passed
    assert verdict.notes == (
        "backbone two is new and has no baseline",
        "backbone one is in the baseline only",
    )
    assert verdict.notes[0] in (tmp_path / "out" / "report.html").read_text()
    assert results.rows["backbone"].unique().tolist() == ["two"]


def test_an_audit_may_be_compared_with_one_of_a_certain_time(
    document: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    never = {"rules": ANY_FALL, "against": "2020-01-01T00:00:00Z"}
    with pytest.raises(InputError, match="no audit small is kept of 2020-01-01T000000Z"):
        judged(document(ANY_FALL, policy=never), tmp_path)
    judged(document(ANY_FALL), tmp_path)
    (first,) = kept(Store(tmp_path / "store"), "small")
    judged(document(ANY_FALL), tmp_path)
    again = {"rules": ANY_FALL, "against": first.when.isoformat()}
    _, verdict = judged(document(ANY_FALL, policy=again), tmp_path)
    assert verdict.baseline == first.when


def test_history_tells_what_there_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ["--store", str(tmp_path / "store")]
    assert run(["history", *store]) == BAD_INPUT
    assert "there is no store" in capsys.readouterr().err
    Store(tmp_path / "store")
    assert run(["history", *store]) == BAD_INPUT
    assert "kept: none yet" not in capsys.readouterr().out
    assert run(["history", "accept", "mine", *store]) == BAD_INPUT
    assert "no audit named mine is kept" in capsys.readouterr().err
