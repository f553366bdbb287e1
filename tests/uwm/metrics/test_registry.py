"""Every metric is one entry, and every place that shows metrics reads it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from uwm.errors import InputError
from uwm.metrics.registry import BUILT_IN, PERCENT, ZEROSHOT_MEAN, Metric, Metrics

ROOT = Path(__file__).parents[3]
SHARED = {"zero-shot", "per_class"}
"""Names that are also words for other things: a kind of data, and a mean over classes."""


def entry(name: str = "margin", label: str = "margin", **changes: object) -> Metric:
    given = {"explain": "how far apart.", "outcome": "tests:none", **changes}
    return Metric(name=name, label=label, **given)  # type: ignore[arg-type]


def test_names_and_labels_need_no_torch() -> None:
    code = "import sys, uwm.metrics.registry; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_metric_explains_itself_in_a_sentence() -> None:
    for metric in BUILT_IN:
        assert metric.explain.endswith("."), metric.name
        assert len(metric.explain.split()) > 4, metric.name


def test_goals_are_headline_metrics_in_percent() -> None:
    for group in ("safety", "knowledge"):
        goals = BUILT_IN.goals(group)
        assert goals
        assert all(metric.headline and metric.unit == PERCENT for metric in goals)
    assert BUILT_IN.zeroshot in BUILT_IN.goals("knowledge")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "two words"}, "one word"),
        ({"name": "times"}, "'times'"),
        ({"range": (1.0, 1.0)}, "least, greatest"),
        ({"goal": True, "unit": "cosine"}, "averaged and compared in percent"),
        ({"kept": True, "higher_is_better": False}, "more being better"),
    ],
)
def test_an_entry_that_cannot_be_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        entry(**{"name": "margin", **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "more", [entry("GS"), entry(label="T>V R@1"), entry("zero-shot"), entry(alias="top1x")]
)
def test_metrics_have_names_and_labels_of_their_own(more: Metric) -> None:
    if more.alias:
        assert BUILT_IN.with_entries([more]).by_rule_name["top1x"] is more
        return
    with pytest.raises(InputError, match="of their own"):
        BUILT_IN.with_entries([more])


def test_further_metrics_stand_before_those_of_zero_shot_sets() -> None:
    more = BUILT_IN.with_entries([entry(headline=True)])
    last = [metric.label for metric in BUILT_IN.of(data="zero-shot") if metric.headline]
    assert [*more.headline.values()][-len(last) - 1 :] == ["margin", *last]
    assert more.label("margin") == "margin"
    assert more.label(ZEROSHOT_MEAN) == ZEROSHOT_MEAN
    assert Metrics(BUILT_IN.entries) == BUILT_IN


def test_no_metric_is_named_outside_the_registry_and_its_functions() -> None:
    names = {metric.name for metric in BUILT_IN} | set(BUILT_IN.headline.values())
    named = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value}"
        for layer in ("flows", "tasks", "storage", "uwm")
        for path in (ROOT / layer).rglob("*.py")
        if path.parent != ROOT / "uwm" / "metrics"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in names - SHARED
    ]
    assert named == []
