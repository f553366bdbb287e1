from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tests.makers.audits import audit
from uwm.config import AuditConfig
from uwm.config.policy import Policy
from uwm.metrics.registry import BUILT_IN


@pytest.mark.parametrize("name", BUILT_IN.by_rule_name)
def test_every_metric_can_have_a_rule(name: str) -> None:
    zeroshot = [{"kind": "demo", "set": "objects"}] if name == "zero-shot" else []
    found = audit(policy={"rules": [{"metric": name, "floor": 1}]}, zeroshot=zeroshot)
    assert found.policy is not None


def test_every_wrong_rule_is_named_with_its_place() -> None:
    rules = [{"metric": "GS", "floor": 1}, {"metric": "GSS", "floor": 1}]
    with pytest.raises(ValidationError) as error:
        audit(policy={"rules": [*rules, {"metric": "PU", "floor": 101, "max_fall": 101}]})
    assert [found["loc"] for found in error.value.errors()] == [
        ("policy", "rules", 1, "metric"),
        ("policy", "rules", 2, "floor"),
        ("policy", "rules", 2, "max_fall"),
    ]


def config(**rule: Any) -> AuditConfig:
    policy = {"rules": [{"metric": "GS", "max_fall": 1, **rule}]}
    return audit(policy=policy)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"metric": "GSS"}, "did you mean 'GS'"),
        ({"max_fall": None}, "needs `max_fall` or `floor`"),
        ({"max_fall": -1}, "greater than or equal to 0"),
        ({"floor": 101}, "GS lies between 0 and 100; got 101"),
        ({"methods": ["neurons"]}, "methods neurons; it can apply to uwm"),
        ({"backbones": ["vits"]}, "apply to vit"),
        ({"datasets": ["tests"]}, "apply to test"),
        ({"metric": "zero-shot"}, "has no zero-shot set"),
    ],
)
def test_impossible_rules_are_refused(rule: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        config(**rule)
    assert config().policy is not None


def test_a_baseline_is_the_last_or_of_a_time() -> None:
    rules = [{"metric": "GS", "floor": 1}]
    assert Policy.model_validate({"rules": rules}).when is None
    dated = Policy.model_validate({"rules": rules, "against": "2026-11-24T10:30:00Z"})
    assert dated.when is not None
    with pytest.raises(ValidationError):
        Policy.model_validate({"rules": rules, "against": "yesterday"})
