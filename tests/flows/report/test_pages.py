"""Pages: what is shown is escaped, what is missing is an error, and one head serves them all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jinja2 import TemplateSyntaxError, UndefinedError

from flows.report.pages import render, write_page

TEMPLATES = Path(__file__).parents[3] / "flows" / "report" / "templates"
PAIRS: dict[str, Any] = {"reveal": False, "side": 6, "sets": []}


def test_every_template_can_be_read_and_the_base_alone_has_a_head() -> None:
    names = {path.name.removesuffix(".html.j2") for path in TEMPLATES.iterdir()}
    assert {"base", "macros", "audit", "history", "pairs", "inspection", "search", "sweep"} <= names
    for name in names:
        try:
            render(name)
        except UndefinedError:
            pass  # the template is sound, and shows values that it was not given
        except TemplateSyntaxError as error:
            pytest.fail(f"{name}: {error}")
    heads = [name for name in names if "<head>" in (TEMPLATES / f"{name}.html.j2").read_text()]
    assert heads == ["base"]


def test_values_are_escaped() -> None:
    page = render("pairs", name="<script>", **PAIRS)
    assert "&lt;script&gt;" in page
    assert "<script>" not in page


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("pairs", name="a")


def test_a_template_elsewhere_has_the_macros_and_escapes_too(tmp_path: Path) -> None:
    template = tmp_path / "mine.html.j2"
    template.write_text(
        '{% import "macros.html.j2" as ui %}{{ ui.sentences(lines) }}{{ ui.words(lines) }}'
    )
    shown = render(template, lines=["<b>"])
    assert shown.count("&lt;b&gt;") == 2
    assert "<li>" in shown


def test_a_page_is_written_below_folders_that_do_not_exist_yet(tmp_path: Path) -> None:
    page = tmp_path / "a" / "b" / "page.html"
    write_page(page, "pairs", name="mine", **PAIRS)
    first = page.read_bytes()
    write_page(page, "pairs", name="mine", **PAIRS)
    assert page.read_bytes() == first
    assert b"<title>uwm pairs: mine</title>" in first
