"""The report as a person sees it, in a real browser, with nothing fetched from anywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from flows.audit.flow import audit
from flows.results.table import AuditResults, summary
from uwm.config import AuditConfig

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def report(small: Callable[..., AuditConfig], tmp_path: Path) -> tuple[AuditResults, Path]:
    results = audit(small("clip", "coca"), str(tmp_path / "store"), str(tmp_path / "out"))
    return results, tmp_path / "out" / "report.html"


def test_the_page_shows_every_figure_and_fetches_nothing(
    driver: webdriver.Chrome, report: tuple[AuditResults, Path]
) -> None:
    results, page = report
    driver.get(page.as_uri())
    assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []
    fetched = driver.execute_script("return performance.getEntriesByType('resource').length")
    assert fetched == 0
    for name in ("trade-off", "changes"):
        markers = driver.find_elements(By.CSS_SELECTOR, f"#{name} .scatterlayer .trace")
        assert markers, name
        assert driver.find_element(By.ID, name).size["height"] > 300
    text = driver.find_element(By.TAG_NAME, "body").text
    for row in summary(results).to_dict(orient="records"):
        assert f"{row['P_t_u']:.1f}" in text
        assert str(row["method"]) in text
    assert "No row of any data set was left out." in text


def test_names_cannot_inject(
    small: Callable[..., AuditConfig], tmp_path: Path, driver: webdriver.Chrome
) -> None:
    methods = [{"kind": "uwm", "name": "a + b"}]
    results = audit(small("clip", methods=methods), str(tmp_path / "store"), str(tmp_path / "out"))
    settings = {"clip": [{**results.settings["clip"][1], "method": "<script>alert(1)</script>"}]}
    from dataclasses import replace

    from flows.report.audit_page import write_report

    write_report(tmp_path / "evil.html", replace(results, settings=settings))
    assert "<script>alert" not in (tmp_path / "evil.html").read_text()
