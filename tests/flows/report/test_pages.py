"""Pages: what is shown is escaped, what is missing is an error, and one head serves them all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jinja2 import TemplateSyntaxError, UndefinedError
from selenium import webdriver

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


HOSTILE = """{% extends "base.html.j2" %}{% block body %}
<p>{{ text }}</p>{{ text|safe }}
<script nonce="{{ nonce }}">document.body.dataset.ours = "ran"</script>{% endblock %}"""
ATTACKS = (
    "<script>document.title = 'taken'</script>",
    "<img src=x onerror=\"document.title = 'taken'\">",
    "<svg onload=\"document.title = 'taken'\"></svg>",
    "<iframe srcdoc=\"<script>parent.document.title = 'taken'</script>\"></iframe>",
    "<script nonce=\"{{ nonce }}\">document.title = 'taken'</script>",
    '<base href="https://example.org/"><link rel=stylesheet href="https://example.org/a.css">',
    '<form action="https://example.org"><input autofocus onfocus="document.title = 1"></form>',
)


def test_a_page_runs_no_script_but_its_own_even_where_something_is_not_escaped(
    driver: webdriver.Chrome, tmp_path: Path
) -> None:
    template = tmp_path / "page.html.j2"
    template.write_text(HOSTILE)
    write_page(tmp_path / "page.html", template, text="".join(ATTACKS))
    driver.get((tmp_path / "page.html").as_uri())
    assert driver.title == ""
    assert driver.execute_script("return document.body.dataset.ours") == "ran"


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_shown_is_text(attack: str) -> None:
    page = render("pairs", name=attack, **PAIRS)
    assert attack not in page
    assert page.count("<") == render("pairs", name="mine", **PAIRS).count("<")


def test_half_a_surrogate_pair_ends_no_report(tmp_path: Path) -> None:
    write_page(tmp_path / "page.html", "pairs", name="a\ud800b", **PAIRS)
    assert "a?b" in (tmp_path / "page.html").read_text(encoding="utf-8")
