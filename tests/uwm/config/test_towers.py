"""Settings that differ between towers."""

from __future__ import annotations

from tests.makers.audits import audit
from uwm.config import AuditConfig, Uwm


def test_towers_may_have_shares_and_factors_of_their_own() -> None:
    method = Uwm.model_validate(
        {
            "kind": "uwm",
            "tau": {"image": 0.02, "text": [0.05, 0.1]},
            "alpha": {"image": -1, "text": 0},
        }
    )
    assert method.points("image") == ((0.02, -1),)
    assert method.points("text") == ((0.05, 0), (0.1, 0))
    assert method.chooses
    alone = {"kind": "uwm", "tau": {"image": 0.02, "text": [0.05, 0.1]}}
    assert not Uwm.model_validate({**alone, "roles": {"image": ["fc2"], "text": []}}).chooses
    config = audit(methods=[alone], validation={"kind": "demo", "split": "validation"})
    assert AuditConfig.model_validate_json(config.model_dump_json()) == config
