"""Pair sets as a person looks at them before an audit: what is printed, and the contact sheet."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.console import Console
from selenium import webdriver
from selenium.webdriver.common.by import By

from flows.cli.console import console
from flows.report.pairs_page import pair_views, print_pairs, write_pairs_page
from tests.makers.pair_layouts import Quadruple, manifest, quadruples
from uwm.config import AuditConfig


def audit_of(folder: Path, rows: list[Quadruple], **fields: Any) -> AuditConfig:
    pairs: Any = manifest(folder, rows, ".jsonl", **fields)
    return AuditConfig.model_validate(
        {
            "name": "looked-at",
            "backbones": [{"kind": "demo", "name": "vit"}],
            "calibration": pairs.model_dump(),
            "benchmarks": [{"kind": "demo", "split": "test_second_style", "per_concept": 1}],
            "methods": [{"kind": "uwm"}],
        }
    )


@pytest.fixture
def rows() -> list[Quadruple]:
    found = quadruples(12, size=(60, 40))
    found[3].texts["unsafe"] = ""
    found[4].texts["unsafe"] = "<script>document.title = 'taken over'</script>"
    found[5].concept = "<b>bold</b>"
    return found


def page(folder: Path, rows: list[Quadruple], *, reveal: bool) -> Path:
    config = audit_of(folder, rows, max_quarantined=0.5)
    write_pairs_page(folder / "pairs.html", "looked-at", pair_views(config), 3, reveal)
    return folder / "pairs.html"


def pictures(path: Path) -> list[Image.Image]:
    found = re.findall(r"data:image/\w+;base64,([A-Za-z0-9+/=]+)", path.read_text())
    return [Image.open(io.BytesIO(base64.b64decode(content))) for content in found]


@pytest.mark.parametrize("concept", ["[/]", "[red]x", "[link=file:///]y[/link]", "a\x1b[2Jb"])
def test_names_of_concepts_are_no_markup_of_the_terminal(
    tmp_path: Path, concept: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = quadruples(6)
    found[1].concept = concept
    print_pairs(console(), pair_views(audit_of(tmp_path, found)))
    assert concept.replace("\x1b", "\\x1b").lower() in capsys.readouterr().out


def test_every_set_is_counted_with_its_quarantine(tmp_path: Path, rows: list[Quadruple]) -> None:
    views = pair_views(audit_of(tmp_path, rows))
    assert [view.part for view in views] == ["calibration", "benchmark"]
    assert views[0].counts == {"bodily fluids": 4, "violence": 3, "hate": 3, "<b>bold</b>": 1}
    assert "1 of 12 rows cannot be used" in str(views[0].objection)
    assert views[1].objection is None
    console = Console(width=100, record=True, file=io.StringIO())
    print_pairs(console, views)
    told = console.export_text()
    assert re.search(r"bodily fluids +│ +4", told)
    assert re.search(r"quarantined: empty text +│ +1", told)
    assert "1003: empty text (unsafe)" in told


def test_the_page_holds_no_clear_picture_unless_revealed(
    tmp_path: Path, rows: list[Quadruple]
) -> None:
    hidden = page(tmp_path / "hidden", rows, reveal=False)
    assert pictures(hidden)
    assert {picture.size for picture in pictures(hidden)} == {(6, 6)}
    assert "/images/" not in hidden.read_text()  # nor does it lead to one
    clear = page(tmp_path / "clear", rows, reveal=True)
    assert {picture.size for picture in pictures(clear)} == {(168, 168)}
    assert len(pictures(clear)) == len(pictures(hidden))


def test_the_same_data_give_the_same_page(tmp_path: Path, rows: list[Quadruple]) -> None:
    one, other = (page(tmp_path / name, rows, reveal=False) for name in "ab")
    assert one.read_bytes() == other.read_bytes()


def test_unsafe_texts_take_a_click_and_cannot_inject(
    tmp_path: Path, rows: list[Quadruple], driver: webdriver.Chrome
) -> None:
    driver.get(page(tmp_path, rows, reveal=False).as_uri())
    assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []
    assert driver.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert driver.title == "uwm pairs: looked-at"
    body = driver.find_element(By.TAG_NAME, "body")
    assert rows[0].texts["safe"] in body.text
    assert "<b>bold</b>" in body.text
    images = driver.find_elements(By.CSS_SELECTOR, ".blurred img")
    assert images
    for image in images:
        assert image.value_of_css_property("filter").startswith("blur(")
        assert image.get_property("naturalWidth") == 6
    card = driver.find_element(By.XPATH, "//article[header='1000']")
    text = card.find_element(By.CSS_SELECTOR, "details span")
    assert text.get_property("textContent") == rows[0].texts["unsafe"]
    visible = "return arguments[0].checkVisibility()"
    assert not driver.execute_script(visible, text)
    card.find_element(By.TAG_NAME, "summary").click()
    assert driver.execute_script(visible, text)


def test_everything_is_there_when_revealed(
    tmp_path: Path, rows: list[Quadruple], driver: webdriver.Chrome
) -> None:
    driver.get(page(tmp_path, rows, reveal=True).as_uri())
    text = driver.find_element(By.TAG_NAME, "body").text
    assert rows[0].texts["unsafe"] in text
    assert rows[4].texts["unsafe"] in text
    assert driver.title == "uwm pairs: looked-at"
    assert driver.find_elements(By.CSS_SELECTOR, ".blurred") == []
