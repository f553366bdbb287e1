"""Sections of one's own: by name, or with settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from uwm.config.sections import SectionConfig

SECTIONS: TypeAdapter[Any] = TypeAdapter(SectionConfig)
OWN = """
from uwm.config.sections import ReportSection

class Own(ReportSection):
    rows: int = 3
"""


def test_a_section_by_its_kind_is_one_with_its_defaults(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    context = {"folder": tmp_path}
    named = SECTIONS.validate_python("own.py:Own", context=context)
    assert named == SECTIONS.validate_python({"kind": "own.py:Own"}, context=context)
    assert named.rows == 3
    other = SECTIONS.validate_python({"kind": "own.py:Own", "rows": 5}, context=context)
    assert SECTIONS.validate_json(SECTIONS.dump_json(other)) == other


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("nowhere.py:Own", "cannot read"),
        ("unknown", "no kind 'unknown'"),
        ({"kind": "own.py:Own", "row": 5}, "not permitted"),
    ],
)
def test_what_is_no_section_is_refused(tmp_path: Path, value: object, said: str) -> None:
    (tmp_path / "own.py").write_text(OWN)
    with pytest.raises(ValidationError, match=said):
        SECTIONS.validate_python(value, context={"folder": tmp_path})
