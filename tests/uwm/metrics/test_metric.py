"""Several metrics: names of their own, and the lists that tables are made of."""

from __future__ import annotations

from typing import Any

import pytest

from uwm.errors import InputError
from uwm.metrics.metric import Metric, Metrics


def metric(name: str, **changes: Any) -> Metric:
    given = {"label": name, "explain": "what it measures.", "outcome": "a:b"} | changes
    return Metric(name=name, **given)


SAFE = metric("safe", goal=True, group="safety", headline=True)
KNOWN = metric("known", goal=True, group="knowledge", kept=True)
KEPT = metric("kept", kept=True, policy=False, per_concept=True)
TOP = metric("top", data="zero-shot", outcome=None, headline=True, alias="zero")
ALL = Metrics((KNOWN, SAFE, KEPT, TOP))


def test_metrics_are_found_by_name_and_keep_their_order() -> None:
    assert list(ALL) == [KNOWN, SAFE, KEPT, TOP]
    assert ALL["safe"] is SAFE
    assert ("safe" in ALL, "unknown" in ALL) == (True, False)
    assert (ALL.label("safe"), ALL.label("unknown")) == ("safe", "unknown")


def test_changes_are_shown_of_safety_then_of_what_is_kept_then_of_knowledge() -> None:
    assert ALL.changed == (SAFE, KEPT, KNOWN)


def test_rules_are_for_metrics_with_a_policy_by_their_alias() -> None:
    assert set(ALL.by_rule_name) == {"known", "safe", "zero"}
    assert ALL.zeroshot is TOP
    assert ALL.per_concept == ("kept",)


def test_further_metrics_stand_before_those_of_zero_shot_sets() -> None:
    assert [each.name for each in ALL.with_entries([metric("own")])] == [
        *("known", "safe", "kept", "own", "top")
    ]


@pytest.mark.parametrize("other", [metric("safe"), metric("x", label="safe"), metric("zero")])
def test_no_name_and_no_label_is_taken_twice(other: Metric) -> None:
    with pytest.raises(InputError, match="of their own"):
        ALL.with_entries([other])


def test_changes_are_in_points_of_percent_or_in_the_unit() -> None:
    assert (SAFE.points, metric("d", unit="cosine").points) == ("points", "cosine")
