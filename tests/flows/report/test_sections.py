"""Repairs on concepts and data sets that they were not made from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from flows.audit.flow import audit
from flows.report.sections import concept_rows, generalisation
from uwm.config import AuditConfig

Small = Callable[..., AuditConfig]
pytestmark = pytest.mark.usefixtures("prefect_server")


def test_sections_that_cannot_be_are_told(small: Small) -> None:
    for section, said in (
        ({"held_out": {"methods": ["nerons"]}}, "got nerons"),
        ({"held_out": {"methods": ["uwm"], "benchmark": "train"}}, r"\(test\); got 'train'"),
        ({"drift": {"halves": False}}, "nothing to compare"),
        ({"drift": {}, "methods": [{"kind": "original"}]}, "no method of this audit makes one"),
    ):
        with pytest.raises(ValidationError, match=said):
            small(**section)


def test_another_data_set_may_calibrate(small: Small, tmp_path: Path) -> None:
    """The demo's second style of pictures to make edits from, and the first to test them on."""
    second = {"kind": "demo", "split": "test_second_style", "per_concept": 2}
    config = small(calibration=second, methods=[{"kind": "uwm"}], zeroshot=[])
    results = audit(config, str(tmp_path / "store"), str(tmp_path / "out"))
    assert results.warnings == []
    (setting,) = (part for part in results.settings["clip"] if part["method"] == "uwm")
    assert setting["text"]["samples"] == 20
    assert set(results.rows["dataset"]) == {"test"}
    assert [row.n for row in concept_rows(results, "test", "clip")] == [2] * 10
    assert "Concepts held out" not in generalisation(results)
    # Two pairs of a concept show nothing, and no change on them is marked.
    assert not any(
        change.sign
        for row in concept_rows(results, "test", "clip")
        for found in row.changes.values()
        for change in found.values()
    )
