"""Methods: the paper's settings by default, grids, and what cannot be."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tests.makers.audits import audit
from uwm.config import AuditConfig, GSafeClip, GUnsafe, Neurons, Uwm
from uwm.config.methods.requests import GradientScore, StatisticsScore
from uwm.families import TOWERS


def test_the_papers_settings_are_the_default() -> None:
    (method,) = audit().edit_methods
    assert isinstance(method, Uwm)
    assert (method.tau, method.alpha, method.score, method.selection) == (
        (0.02,),
        (-1.0,),
        "ratio",
        "mass",
    )
    assert (method.roles.image, method.roles.text) == (("fc2",), ("out",))
    assert (method.prior.image, method.prior.text) == (False, True)


def test_a_list_is_a_grid() -> None:
    method = Neurons.model_validate({"kind": "neurons", "share": [0.1, 0.2], "alpha": [-1, -2]})
    assert method.points("image") == ((0.1, -1), (0.1, -2), (0.2, -1), (0.2, -2))
    assert method.points("image") == method.points("text")
    assert method.chooses
    with pytest.raises(ValidationError, match="needs `validation`"):
        audit(methods=[{"kind": "uwm", "tau": [0.1, 0.2]}])


@pytest.mark.parametrize("tau", [0, 1, float("nan"), -0.1, "much", []])
def test_impossible_shares_are_refused(tau: object) -> None:
    with pytest.raises(ValidationError):
        audit(methods=[{"kind": "uwm", "tau": tau}])


@pytest.mark.parametrize("alpha", [float("nan"), float("inf")])
def test_impossible_factors_are_refused(alpha: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        audit(methods=[{"kind": "uwm", "alpha": alpha}])


def test_the_baselines_defaults_are_the_papers() -> None:
    config = audit(methods=[{"kind": "g_unsafe"}, {"kind": "g_safe_clip", "tau": [0.01]}])
    unsafe, safe_clip = config.edit_methods
    assert isinstance(unsafe, GUnsafe)
    assert isinstance(safe_clip, GSafeClip)
    points = [method.points("text") for method in (unsafe, safe_clip)]
    assert points == [((0.035, 0.0),), ((0.01, 0.0),)]
    assert GSafeClip(kind="g_safe_clip").tau == (0.005,)
    assert (unsafe.selection.image, unsafe.selection.text) == ("mass", "count")
    assert (safe_clip.selection.image, safe_clip.selection.text) == ("count", "count")
    for method in (unsafe, safe_clip):
        assert (method.roles.image, method.roles.text) == (("fc2",), ("out",))
    assert AuditConfig.model_validate_json(config.model_dump_json()) == config
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        audit(methods=[{"kind": "g_unsafe", "batch_size": 0}])


def test_a_set_difference_leaves_no_weight_both_spared_and_taken() -> None:
    (method,) = audit(methods=[{"kind": "set_difference"}]).edit_methods
    assert method.request("text") == StatisticsScore("weight", "unsafe_only", spared=0.1)
    with pytest.raises(ValidationError, match=r"their sum must be below 1; got 0\.6 and 0\.5"):
        audit(methods=[{"kind": "set_difference", "tau": 0.6, "spared": 0.5}])


def test_gradients_may_have_a_batch_size_per_tower() -> None:
    sizes = {"image": 64, "text": 512}  # those of the released code
    (method,) = audit(methods=[{"kind": "g_unsafe", "batch_size": sizes}]).edit_methods
    asked = [method.request(tower) for tower in TOWERS]
    assert asked == [GradientScore("g_unsafe", 64), GradientScore("g_unsafe", 512)]
    with pytest.raises(ValidationError, match=r"batch_size[^\n]*\n *Input should be greater"):
        audit(methods=[{"kind": "g_unsafe", "batch_size": {"image": 0, "text": 1}}])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"settings": {}}, "at least 1"),
        ({"settings": {"image.3.fc2": [0.1, -1]}}, "two digits"),
        ({"settings": {"picture.03.fc2": [0.1, -1]}}, "TOWER.BLOCK.ROLE"),
        ({"settings": {"image.03.fc2": [1, -1]}}, "less than 1"),
        ({"settings": {"image.03.fc2": [0.1]}}, "Field required"),
        ({"score": "log_ratio"}, "the score of weights must be one of"),
    ],
)
def test_layers_that_cannot_be_are_refused(changes: dict[str, Any], said: str) -> None:
    method = {"kind": "layerwise", "settings": {"image.03.fc2": [0.1, -1]}} | changes
    with pytest.raises(ValidationError, match=said):
        audit(methods=[method])


def test_difference_scores_have_no_mass() -> None:
    with pytest.raises(ValidationError, match="select them by `count`"):
        audit(methods=[{"kind": "uwm", "score": "difference"}])
    audit(methods=[{"kind": "uwm", "score": "difference", "selection": "count"}])
    sweep = {"kind": "uwm", "score": ["ratio", "difference"]}
    with pytest.raises(ValidationError, match="select them by `count`"):
        audit(sweep=sweep)
    audit(sweep={**sweep, "selection": ["count"]})
