"""The page of a search in a real browser, with nothing fetched from anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.makers.searches import Searching

pytestmark = pytest.mark.usefixtures("prefect_server")


def test_the_page_shows_fronts_claims_and_settings(
    driver: webdriver.Chrome, searching: Searching, tmp_path: Path
) -> None:
    results = searching("clip", "siglip")
    driver.get((tmp_path / "out" / "search.html").as_uri())
    assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []
    assert driver.execute_script("return performance.getEntriesByType('resource').length") == 0
    for name in ("fronts", "test"):
        assert driver.find_elements(By.CSS_SELECTOR, f"#{name} .scatterlayer .trace"), name
    text = driver.find_element(By.TAG_NAME, "body").text
    for said in results.sentences:
        assert said in text
    for number, searched in enumerate(results.found.values()):
        picked = [name for name in searched.picks.values() if name]
        bars = driver.find_elements(By.CSS_SELECTOR, f"#layers-{number} .bars")
        assert len(bars) == 2 * len(set(picked))
