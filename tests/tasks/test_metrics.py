"""A metric of one's own stands in addresses by its code, wherever the file lies."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tasks.metrics import metric_plugins, metrics_with
from uwm.errors import MetricError
from uwm.metrics.registry import BUILT_IN

OWN = """
from uwm.metrics.registry import Metric

def outcome(pairs):
    return pairs.safe_text

OWN = Metric(name="own", label="own", explain="a metric of one's own.", outcome=outcome)
"""


def test_the_same_code_elsewhere_is_the_same_metric(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "sub").mkdir()
    shutil.copy(tmp_path / "own.py", tmp_path / "sub")
    one, other = metric_plugins([f"{tmp_path}/own.py:OWN", f"{tmp_path}/sub/own.py:OWN"])
    assert one.model_dump() == other.model_dump()
    assert one.reference != other.reference


def test_code_that_changed_under_a_run_is_told(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    plugins = metric_plugins([f"{tmp_path}/own.py:OWN"])
    assert "own" in metrics_with(plugins)
    (tmp_path / "own.py").write_text(OWN + "CHANGED = 1\n")
    with pytest.raises(MetricError, match="has changed since this run was laid out"):
        metrics_with(plugins)
    assert metric_plugins([f"{tmp_path}/own.py:OWN"]) != plugins


def test_without_any_there_are_the_built_in_ones() -> None:
    assert metric_plugins([]) == ()
    assert metrics_with([]) is BUILT_IN
