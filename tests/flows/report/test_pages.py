"""Pages: what is shown is escaped, and what is missing is an error, not a gap."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import UndefinedError

import flows
from flows.report.pages import _TEMPLATES, render

ROOT = Path(flows.__file__).parent


def test_every_template_of_the_product_is_found() -> None:
    there = {path.name for path in ROOT.rglob("*.j2")}
    assert {name for name in _TEMPLATES.list_templates() if name.endswith(".j2")} == there
    for name in there:
        _TEMPLATES.get_template(name)


def test_values_are_escaped() -> None:
    page = render("pairs", name="<script>", reveal=False, side=6, sets=[])
    assert "&lt;script&gt;" in page
    assert "<script>" not in page.split("</title>")[0]


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("pairs", name="a")
