"""Sections: those of the package, and those of a person's own file."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.sections.registry import sections
from tests.makers.audits import audit
from uwm.config import AuditConfig
from uwm.errors import InputError

OWN = """
from typing import ClassVar
from flows.sections import Section
from uwm.config import ReportSection

class Mine(Section):
    key: ClassVar[str] = "mine"
    def html(self, results):
        return ""

class Taken(Mine):
    key: ClassVar[str] = "drift"

class Settings(ReportSection):
    pass
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return path


def with_sections(*kinds: str) -> AuditConfig:
    return audit(sections=list(kinds))


def test_ours_come_first_and_then_those_that_the_audit_names(own: Path) -> None:
    config = with_sections(f"{own}:Mine")
    keys = [section.key for section in sections(config)]
    assert keys == ["concepts", "drift", "held_out", "mine"]
    again = AuditConfig.model_validate_json(config.model_dump_json())
    assert [section.key for section in sections(again)] == keys
    assert [section.key for section in sections(audit())] == keys[:-1]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["Taken"], "'drift', which is taken"),
        (["Mine", "Mine"], "'mine', which is taken"),
        (["Settings"], "is a subclass of flows.sections.Section"),
    ],
)
def test_what_is_no_section_or_has_another_s_key_is_refused(
    names: list[str], said: str, own: Path
) -> None:
    with pytest.raises(InputError, match=said):
        sections(with_sections(*(f"{own}:{name}" for name in names)))
