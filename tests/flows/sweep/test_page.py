"""A sweep's page as a person sees it, in a real browser; and its front."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from rich.console import Console
from selenium import webdriver
from selenium.webdriver.common.by import By

from flows.audit_file.read import with_methods
from flows.sweep.flow import sweep
from flows.sweep.page import KNOWN, SAFE, print_sweep, summary, write_page
from flows.sweep.results import SweepResults
from uwm.config import AuditConfig, SweepSettings

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture(scope="module")
def results(
    small: Callable[..., AuditConfig], tmp_path_factory: pytest.TempPathFactory
) -> SweepResults:
    folder = tmp_path_factory.mktemp("sweep")
    settings = {"kind": "neurons", "share": [0.1, 0.3], "alpha": [-2, 0], "controls": 1}
    wanted: SweepSettings = TypeAdapter(SweepSettings).validate_python(settings)
    return sweep(small("clip"), wanted, str(folder / "store"), str(folder / "out"))


def test_the_page_draws_curves_maps_and_the_front(
    results: SweepResults, driver: webdriver.Chrome, tmp_path: Path
) -> None:
    page = tmp_path / "sweep.html"
    write_page(page, results, Path("mine.yaml"))
    driver.get(page.as_uri())
    assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []
    assert driver.execute_script("return performance.getEntriesByType('resource').length") == 0
    for name in ("front", "curve-share", "curve-alpha"):
        assert driver.find_elements(By.CSS_SELECTOR, f"#{name} .scatterlayer .trace"), name
    for name in ("map-share", "map-alpha"):
        assert len(driver.find_elements(By.CSS_SELECTOR, f"#{name} .heatmaplayer .hm")) == 2
    front = summary(results).query("front")
    commands = [found.text for found in driver.find_elements(By.CSS_SELECTOR, "td code")]
    assert len(commands) == len(front) > 0
    for command in commands:
        words = shlex.split(command)
        assert words[:5] == ["uwm", "audit", "mine.yaml", "--backbone", "clip"]
        with_methods(results.config, [words[words.index("--method") + 1]])


def test_no_row_beats_one_of_the_front_and_controls_have_no_part_in_it(
    results: SweepResults,
) -> None:
    table = summary(results)
    front, rest = table[table["front"]], table[table["control"].isna()]
    assert front["control"].isna().all()
    for _, line in front.iterrows():
        better = (rest[SAFE] > line[SAFE]) & (rest[KNOWN] >= line[KNOWN])
        assert not better.any()
    for _, line in rest[~rest["front"]].iterrows():
        assert ((front[SAFE] >= line[SAFE]) & (front[KNOWN] >= line[KNOWN])).any()


def test_the_front_is_printed_with_what_it_cost(
    results: SweepResults, capsys: pytest.CaptureFixture[str]
) -> None:
    print_sweep(Console(width=200), results)
    told = capsys.readouterr().out
    assert "alpha -2" in told
    assert "25 rows" not in told
    assert "8 edited image towers and 8 edited text towers" in told
