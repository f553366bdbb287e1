"""Methods that bring weights."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.makers.audits import audit
from uwm.config import AuditConfig, Checkpoint
from uwm.config.methods.requests import TrainedWeights

SIGLIP = {"kind": "demo", "name": "siglip"}
PAIRS = {"kind": "demo", "split": "validation"}


def test_weights_bring_roles_and_bases_of_their_own() -> None:
    trained = {"kind": "safe_clip", "roles": {"image": ["value"], "text": []}}
    other = {"kind": "checkpoint", "weights": {"vit": SIGLIP}}
    config = audit(
        methods=[{"kind": "uwm"}, {"kind": "neurons", "base": "safe_clip"}, trained, other]
    )
    assert [method.name for method in config.weight_methods] == ["safe_clip", "checkpoint"]
    assert config.captured_roles("text", None) == ("out",)
    assert config.captured_roles("text", "safe_clip") == ("fc2",)
    assert config.changed_roles("image") == ("fc2", "value")
    left = config.narrowed(methods=["uwm", "neurons", "checkpoint"])
    assert [method.name for method in left.methods] == ["uwm", "checkpoint"]
    assert AuditConfig.model_validate_json(config.model_dump_json()) == config


def test_other_weights_are_called_as_the_backbone_is(tmp_path: Path) -> None:
    weights = {"vit": {"kind": "folder", "folder": str(tmp_path)}}
    (method,) = audit(methods=[{"kind": "checkpoint", "weights": weights}]).weight_methods
    assert isinstance(method, Checkpoint)
    assert method.weights["vit"].name == "vit"


def test_a_list_of_learning_rates_is_a_grid_of_trainings() -> None:
    grid = {"kind": "safe_clip", "learning_rate": {"image": 0.001, "text": [0.0001, 0.001]}}
    with pytest.raises(ValidationError, match="a method with a grid needs `validation` pairs"):
        audit(methods=[grid])
    (method,) = audit(methods=[grid], validation=PAIRS).weight_methods
    assert method.chooses
    wanted = method.weights_for("vit")
    assert isinstance(wanted, TrainedWeights)
    assert [option.learning_rate for option in wanted.options["text"]] == [0.0001, 0.001]
    assert len(wanted.options["image"]) == 1
    alone = {**grid, "roles": {"image": ["fc2"], "text": []}}
    (left,) = audit(methods=[alone]).weight_methods
    assert not left.chooses
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        audit(methods=[{"kind": "safe_clip", "learning_rate": [2]}])


def test_a_policy_may_name_what_brings_weights() -> None:
    rule = {"metric": "GS", "floor": 1, "methods": ["safe_clip"]}
    assert audit(methods=[{"kind": "safe_clip"}], policy={"rules": [rule]}).policy is not None
