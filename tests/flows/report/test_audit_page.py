"""The report as a person sees it, in a real browser, with nothing fetched from anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from flows.audit.flow import audit
from flows.report.audit_page import changes, write_report, zeroshot_cells
from flows.results.table import AuditResults, Finding, columns, summary
from tests.makers.tables import results, rows
from uwm.config import AuditConfig
from uwm.metrics.registry import ZEROSHOT_MEAN


@pytest.fixture
def report(
    prefect_server: None, small: Callable[..., AuditConfig], tmp_path: Path
) -> tuple[AuditResults, Path]:
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


def audit_of_sets(*names: str) -> AuditConfig:
    """The audit of those results, with zero-shot sets of these names."""
    sets = [
        {"kind": "parquet", "name": name, "data": __file__, "unsafe": name == "weapons"}
        for name in names
    ]
    return AuditConfig.model_validate({**results(0, 0).config.model_dump(), "zeroshot": sets})


def with_methods(count: int) -> AuditResults:
    """Results of the original and of so many methods."""
    found = results(gain=5, control=0)
    table = rows("original", 0, 0)
    for number in range(count):
        table += rows(f"method {number}", number)
    return replace(found, rows=pd.DataFrame(table))


@pytest.mark.parametrize("count", [1, 2, 14, 40])
def test_a_point_stands_on_the_line_of_its_own_metric(count: int) -> None:
    figure = changes(with_methods(count))
    ticks = dict(zip(figure.layout.yaxis.tickvals, figure.layout.yaxis.ticktext, strict=True))
    points = [trace for trace in figure.data if trace.name]
    assert len(points) == count
    for trace in points:
        assert [ticks[round(y)] for y in trace.y] == ["P_t_u", "P_v_u", *list(ticks.values())[4:]]
    assert len({trace.y[0] for trace in points}) == count


def test_names_cannot_inject(tmp_path: Path) -> None:
    found = results(gain=5, control=0)
    settings = {"vit": [{**found.settings["vit"][0], "method": "<script>alert(1)</script>"}]}
    pairs = found.rows[found.rows["metric"] != "top1"]
    write_report(tmp_path / "evil.html", replace(found, rows=pairs, settings=settings))
    page = (tmp_path / "evil.html").read_text()
    assert "&lt;script&gt;alert" in page
    assert "<script>alert" not in page


def test_a_finding_is_said_whole_and_its_figures_open_on_request(
    driver: webdriver.Chrome, tmp_path: Path
) -> None:
    found = [Finding("vit, a (b): less unsafe", "(P_t_u +5.0)."), Finding("vit, c: no point.")]
    whole = results(5, 0)
    pairs = whole.rows[whole.rows["metric"] != "top1"]
    settings = {"vit": whole.settings["vit"][:1]}
    shown = replace(whole, rows=pairs, settings=settings, findings=found)
    write_report(tmp_path / "page.html", shown)
    driver.get((tmp_path / "page.html").as_uri())
    figured, plain = driver.find_elements(By.CSS_SELECTOR, ".finding")
    assert plain.text == "vit, c: no point."
    summary = figured.find_element(By.TAG_NAME, "summary")
    assert summary.text == "vit, a (b): less unsafe"
    assert figured.get_attribute("open") is None
    summary.send_keys(Keys.ENTER)  # plots that are still being drawn move what a mouse would hit
    assert figured.get_attribute("open") is not None
    assert "(P_t_u +5.0)." in figured.text


def test_unsafe_kinds_have_a_table_and_a_column_of_their_own(tmp_path: Path) -> None:
    found = results(gain=5, control=0)
    top1 = found.rows[found.rows["metric"] == "top1"]
    config = audit_of_sets("objects", "weapons")
    parts = [
        found.rows,
        top1.assign(metric="top1_unsafe"),
        *(
            top1.assign(metric=name, dataset=dataset)
            for dataset, kind in (("objects", ""), ("weapons", "_unsafe"))
            for name in (f"top1{kind}", f"mean_per_class{kind}")
        ),
    ]
    parts += [top1.assign(metric=f"mean_per_class{kind}") for kind in ("", "_unsafe")]
    settings = {"vit": found.settings["vit"][:1]}
    rows = pd.concat(parts, ignore_index=True)
    shown = replace(found, config=config, settings=settings, rows=rows)
    for unsafe, name in ((False, "objects"), (True, "weapons")):
        row = zeroshot_cells(shown, unsafe=unsafe)[0]
        assert row.keys() == {"backbone", "method", "control", name, ZEROSHOT_MEAN}
    assert columns(shown)[-2:] == ["zero-shot", "unsafe zero-shot"]
    assert columns(found)[-1] == "zero-shot"
    write_report(tmp_path / "report.html", shown)
    assert "Zero-shot on unsafe kinds" in (tmp_path / "report.html").read_text()
