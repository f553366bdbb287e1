"""`ablation` and its control."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tests.makers.audits import audit
from uwm.config import AuditConfig
from uwm.config.methods.ablation import Ablation
from uwm.config.methods.requests import AblationPoint, StreamMeans
from uwm.families import TOWERS
from uwm.method.ablation import WRITERS

ABLATION = {"kind": "ablation"}


def test_by_default_it_edits_what_the_text_tower_writes_at_one_point() -> None:
    method = Ablation.model_validate(ABLATION)
    assert [method.points(tower) for tower in TOWERS] == [(), (AblationPoint(1.0),)]
    assert method.request("text") == StreamMeans(orthogonal=True)
    assert method.roles.text == WRITERS
    assert not method.selects
    grid = Ablation.model_validate({**ABLATION, "strength": [0.5, 1], "blocks": {"text": "late"}})
    assert grid.chooses
    assert grid.blocks_of("text") == "late"


def test_layers_that_do_not_write_into_the_stream_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"residual stream, out and fc2; got fc1"):
        Ablation.model_validate({**ABLATION, "roles": {"image": [], "text": ["fc1"]}})


def test_its_control_ablates_random_directions_and_no_other_fits() -> None:
    control = {"kind": "random_direction", "of": "ablation", "seeds": 2}
    config = audit(methods=[ABLATION, control])
    assert AuditConfig.model_validate_json(config.model_dump_json()) == config
    with pytest.raises(ValidationError, match="take `random_direction`"):
        audit(methods=[ABLATION, {"kind": "swapped", "of": "ablation"}])
    with pytest.raises(ValidationError, match="is for methods that select weights"):
        audit(methods=[ABLATION, {"kind": "random", "of": "ablation"}])
