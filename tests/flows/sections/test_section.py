"""What a section is when it says nothing but how it looks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flows.sections import Section
from tests.makers.tables import CONFIG, results
from uwm.plugins import load_plugin

OWN = """
from typing import ClassVar
from flows.sections import Section

class Mine(Section):
    key: ClassVar[str] = "mine"
    def html(self, results):
        return self.render(name=results.config.name)
"""


def test_a_section_computes_says_and_refuses_nothing_unless_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    mine = load_plugin(f"{tmp_path}/own.py:Mine", "uwm.sections")(kind="own.py:Mine")
    found = replace(results(gain=1, control=0), config=CONFIG)
    mine.check(CONFIG)
    assert mine.warnings(CONFIG) == mine.sentences(found) == []
    with pytest.raises(FileNotFoundError, match=r"own\.html\.j2"):
        mine.html(found)
    (tmp_path / "own.html.j2").write_text("<h2>{{ name }} & {{ '<script>' }}</h2>")
    assert mine.html(found) == "<h2>audit & &lt;script&gt;</h2>"


def test_a_section_without_a_part_of_the_page_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="html"):
        Section(kind="none")  # type: ignore[abstract]
