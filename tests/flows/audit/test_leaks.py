"""Test pairs that edits were made from or chosen on are told."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from flows.audit.flow import audit
from flows.audit.leaks import leaks
from flows.report.terminal import print_results
from tests.makers.pair_layouts import of_concepts
from uwm.config import AuditConfig

Small = Callable[..., AuditConfig]
pytestmark = pytest.mark.usefixtures("prefect_server")


def test_a_benchmark_that_edits_were_made_from_is_told(small: Small, tmp_path: Path) -> None:
    part = {"kind": "demo", "split": "calibration", "per_concept": 1}
    config = small(benchmarks=[part], zeroshot=[], methods=[{"kind": "uwm"}])
    (said,) = leaks(config)
    assert said.startswith("10 of 10 benchmark pairs of calibration are also calibration pairs")
    results = audit(config, str(tmp_path / "store"), str(tmp_path / "out"))
    assert results.warnings == [said]
    assert json.loads((tmp_path / "out" / "results.json").read_text())["warnings"] == [said]
    assert (tmp_path / "out" / "report.html").read_text().count(said) == 1
    told = io.StringIO()
    print_results(Console(file=told, width=400), results)
    assert said in told.getvalue()


def test_validation_pairs_count_where_an_edit_is_chosen_on_them(small: Small) -> None:
    changes = {"benchmarks": [{"kind": "demo", "split": "validation"}]}
    assert leaks(small(**changes, methods=[{"kind": "uwm"}])) == []
    chosen = leaks(small(**changes, methods=[{"kind": "uwm", "tau": [0.02, 0.1]}]))
    assert "10 of 500 benchmark pairs of validation are also validation pairs" in chosen[0]


def test_pairs_that_share_a_picture_are_told_apart(small: Small, tmp_path: Path) -> None:
    benchmark = of_concepts(tmp_path, "asked", ("hate",))
    near = of_concepts(tmp_path, "made", ("hate",))  # the same pictures with other texts
    base = {"calibration": near, "benchmarks": [benchmark], "methods": [{"kind": "uwm"}]}
    (said,) = leaks(small(**base, validation=None))
    assert said.startswith("12 of 12 benchmark pairs of asked share a picture or both texts")
