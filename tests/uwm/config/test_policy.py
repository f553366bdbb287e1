from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from tests.uwm.config.audits import audit
from uwm.config import AuditConfig
from uwm.config.policy import POLICY_METRICS, ZERO_SHOT, Policy
from uwm.metrics.retrieval import recalls
from uwm.metrics.safeground import METRICS, PairedEmbeddings


def test_every_metric_can_have_a_rule() -> None:
    unit = torch.nn.functional.normalize(torch.randn(4, 8), dim=-1)
    found = recalls(PairedEmbeddings(unit, unit, unit, unit))
    assert set(POLICY_METRICS) == {*METRICS, *found, ZERO_SHOT}


def config(**rule: Any) -> AuditConfig:
    policy = {"rules": [{"metric": "GS", "max_fall": 1, **rule}]}
    return audit(policy=policy)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"metric": "GSS"}, "did you mean 'GS'"),
        ({"max_fall": None}, "`max_fall` .* or `floor`"),
        ({"max_fall": -1}, "greater than or equal to 0"),
        ({"floor": 101}, "less than or equal to 100"),
        ({"methods": ["neurons"]}, "methods that it cannot have: neurons; there are uwm"),
        ({"backbones": ["vits"]}, "there are vit"),
        ({"datasets": ["tests"]}, "there are test"),
        ({"metric": "zero-shot"}, "has no such set"),
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
