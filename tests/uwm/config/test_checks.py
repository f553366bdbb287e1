"""Parts of an audit that contradict one another are refused, each with what there is instead."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tests.makers.audits import audit

TEST = {"kind": "demo", "split": "test"}
VALIDATION = {"kind": "demo", "split": "validation"}
SUBJECTS = {"kind": "demo", "set": "subjects"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"backbones": [{"kind": "demo", "name": "vit"}] * 2}, "used more than once: vit"),
        ({"methods": [{"kind": "uwm"}] * 2}, "used more than once: uwm"),
        ({"benchmarks": [TEST, TEST]}, "used more than once: test"),
        ({"methods": [{"kind": "random", "of": "uwm"}]}, r"\(it has none\); got 'uwm'"),
        ({"methods": [{"kind": "uwm", "base": "other"}]}, r"\(the audit has none\); got 'other'"),
        ({"methods": [{"kind": "uwm", "alpha": [0, -1]}]}, "needs `validation` pairs"),
        ({"held_out": {"methods": ["neurons"]}}, r"\(uwm\); got neurons"),
        ({"held_out": {"methods": ["uwm"], "benchmark": "x"}}, r"\(test\); got 'x'"),
        (
            {"methods": [{"kind": "original"}], "drift": {}},
            "no method of this audit selects weights",
        ),
        ({"search": {}}, "needs `validation` pairs"),
        ({"search": {}, "validation": TEST}, "must not be a benchmark too"),
        (
            {"search": {"zeroshot": [SUBJECTS]}, "validation": VALIDATION, "zeroshot": [SUBJECTS]},
            "both name subjects",
        ),
        ({"policy": {"rules": [{"metric": "zero-shot", "floor": 1}]}}, "has no zero-shot set"),
        (
            {"policy": {"rules": [{"metric": "GS", "floor": 1, "methods": ["no"]}]}},
            "cannot apply to the methods no; it can apply to uwm",
        ),
    ],
)
def test_a_contradiction_is_told_with_what_there_is(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        audit(**changes)


def test_the_same_parts_that_fit_one_another_are_an_audit() -> None:
    config = audit(
        validation=VALIDATION,
        zeroshot=[SUBJECTS],
        methods=[{"kind": "uwm", "alpha": [0, -1]}, {"kind": "random", "of": "uwm"}],
        held_out={"methods": ["uwm"], "benchmark": "test"},
        search={"zeroshot": [{"kind": "demo", "set": "objects"}]},
        policy={"rules": [{"metric": "zero-shot", "floor": 1, "methods": ["uwm"]}]},
    )
    assert [method.name for method in config.methods][-2:] == ["uwm", "random uwm"]
