"""What an audit's configuration holds together."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from tests.makers.audits import audit
from uwm import shipped
from uwm.config import (
    AuditConfig,
    DemoBackbone,
    DemoPairs,
    DemoZeroShot,
    FolderBackbone,
    LossWeights,
)

SIGLIP = {"kind": "demo", "name": "siglip"}
FOUR = tuple(LossWeights.model_fields)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"backbones": [{"kind": "demo", "name": "vit"}] * 2}, "more than once: vit"),
        ({"methods": [{"kind": "uwm"}, {"kind": "uwm"}]}, "more than once: uwm"),
        ({"methods": [{"kind": "random", "of": "uwm"}]}, "it has none"),
        ({"methods": [{"kind": "uwm", "roles": {"image": [], "text": []}}]}, "nothing to edit"),
        ({"backbones": []}, "at least 1 item"),
        ({"tau": 0.1}, "Extra inputs"),
        (
            {"methods": [{"kind": "uwm", "base": "tuned"}]},
            r"checkpoint or safe_clip \(the audit has none",
        ),
        (
            {"methods": [{"kind": "safe_clip"}, {"kind": "uwm", "base": "uwm"}]},
            r"\(safe_clip\); got 'uwm'",
        ),
        ({"methods": [{"kind": "checkpoint", "weights": {"b32": SIGLIP}}]}, "weights for b32"),
        ({"methods": [{"kind": "checkpoint", "weights": {}}]}, "at least 1 item"),
        ({"methods": [{"kind": "random", "of": "safe_clip"}, {"kind": "safe_clip"}]}, "editing"),
        ({"methods": [{"kind": "safe_clip", "batch_size": 1}]}, "greater than or equal to 2"),
        (
            {"methods": [{"kind": "safe_clip", "losses": {"text": dict.fromkeys(FOUR, 0)}}]},
            "give some loss a weight above 0",
        ),
    ],
)
def test_inconsistent_audits_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        audit(**changes)


def test_paths_are_relative_to_the_given_folder(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    document = audit().model_dump(mode="json") | {
        "backbones": [{"kind": "folder", "name": "mine", "folder": "model"}]
    }
    config = AuditConfig.model_validate(document, context={"folder": tmp_path})
    (backbone,) = config.backbones
    assert isinstance(backbone, FolderBackbone)
    assert backbone.folder == tmp_path / "model"


def test_a_configuration_survives_json() -> None:
    config = audit(methods=[{"kind": "uwm"}, {"kind": "random", "of": "uwm"}])
    assert AuditConfig.model_validate_json(config.model_dump_json()) == config


def test_what_ships_is_what_can_be_named() -> None:
    for model, field, found in (
        (DemoBackbone, "name", shipped.BACKBONES),
        (DemoPairs, "split", shipped.PAIR_SETS),
        (DemoZeroShot, "set", shipped.ZEROSHOT_SETS),
    ):
        assert set(get_args(model.model_fields[field].annotation)) == set(found)


def test_edited_roles_are_the_union_over_methods() -> None:
    config = audit(methods=[{"kind": "uwm"}, {"kind": "neurons"}])
    assert config.edited_roles("image") == ("fc2",)
    assert config.edited_roles("text") == ("fc2", "out")


def test_gradients_ask_for_no_capture() -> None:
    config = audit(
        methods=[
            {"kind": "neurons", "roles": {"image": [], "text": ["fc1"]}},
            {"kind": "g_unsafe"},
            {"kind": "random", "of": "g_unsafe", "equal": "norm"},
            {"kind": "magnitude", "of": "g_unsafe"},
        ]
    )
    assert (config.edited_roles("image"), config.captured_roles("image")) == (("fc2",), ())
    assert (config.edited_roles("text"), config.captured_roles("text")) == (
        ("fc1", "out"),
        ("fc1",),
    )


def test_a_control_of_equal_contribution_asks_for_a_capture_and_no_score_for_it() -> None:
    config = audit(methods=[{"kind": "g_unsafe"}, {"kind": "random", "of": "g_unsafe"}])
    assert config.captured_roles("text") == ("out",)
    assert config.scored_roles("text") == ()


def test_controls_are_named_by_what_they_are_and_several_stand_side_by_side() -> None:
    controls = [{"kind": "random", "of": "uwm", "equal": by} for by in ("contribution", "number")]
    config = audit(methods=[{"kind": "uwm"}, *controls, {"kind": "magnitude", "of": "uwm"}])
    names = [control.name for control in config.controls]
    assert names == ["random uwm", "random uwm, equal number", "magnitude uwm"]
    with pytest.raises(ValueError, match="reserved for magnitude controls"):
        audit(methods=[{"kind": "uwm", "name": "magnitude mine"}])
