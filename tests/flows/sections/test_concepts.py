"""Concept by concept: repairs on data sets that they were not made from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flows.audit.flow import audit
from flows.sections.concepts import concept_rows
from uwm.config import AuditConfig

Small = Callable[..., AuditConfig]
pytestmark = pytest.mark.usefixtures("prefect_server")


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
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Concept by concept" in page
    assert "Concepts held out" not in page
    # Two pairs of a concept show nothing, and no change on them is marked.
    assert not any(
        change.sign
        for row in concept_rows(results, "test", "clip")
        for found in row.changes.values()
        for change in found.values()
    )
