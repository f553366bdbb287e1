"""Metrics of one's own stand beside the built-in ones, or are refused with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from uwm.errors import InputError, PluginError
from uwm.metrics.plugins import load_metric, metric_modules, with_plugins
from uwm.metrics.registry import BUILT_IN

OWN = """
from uwm.metrics.registry import Metric

def outcome(pairs):
    return pairs.safe_text

OWN = Metric(name="own", label="own", explain="a metric of one's own.", outcome=outcome)
TAKEN = Metric(name="GS", label="new", explain="a name that is taken.", outcome=outcome)
LABELS = Metric(name="l", label="l", explain="of labels.", outcome=None, data="zero-shot")
TEXT = "no metric"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "own.py").write_text(OWN)
    return tmp_path / "own.py"


def test_built_in_metrics_are_all_there_are_without_references() -> None:
    assert with_plugins([]) is BUILT_IN


def test_a_metric_of_ones_own_is_one_more(path: Path) -> None:
    found = with_plugins([f"{path}:OWN"])
    assert {metric.name for metric in found} - {metric.name for metric in BUILT_IN} == {"own"}
    assert len(list(found)) == len(list(BUILT_IN)) + 1


def test_its_code_is_the_module_that_defines_it(path: Path) -> None:
    (module,) = metric_modules(f"{path}:OWN")
    assert load_metric(f"{path}:OWN").outcome.__module__ == module


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("TEXT", PluginError, "is of type str"),
        ("LABELS", PluginError, "measured on zero-shot"),
        ("TAKEN", InputError, "these are taken: GS"),
        ("MISSING", PluginError, "defines no MISSING"),
    ],
)
def test_what_is_no_metric_of_pairs_is_refused(
    path: Path, name: str, kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        with_plugins([f"{path}:{name}"])
