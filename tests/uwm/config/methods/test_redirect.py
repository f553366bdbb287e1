"""`redirect` and its controls: grids of points, what is preserved, and what cannot be."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tests.makers.audits import audit
from uwm.config import AuditConfig, Redirect
from uwm.config.methods.requests import PairMoments

REDIRECT = {"kind": "redirect"}
CONTROLS = ("swapped", "mispaired", "one_way")


def redirect(**settings: Any) -> Redirect:
    return Redirect.model_validate({**REDIRECT, **settings})


def test_by_default_it_edits_the_texts_last_layer_at_one_point() -> None:
    method = redirect()
    assert method.points("image") == ()
    assert method.points("text") == ((1.0, 1.0, 0.01),)
    assert method.request("text") == PairMoments("last", words=True)
    assert not method.chooses
    assert not method.selects
    assert method.rescored


def test_lists_are_a_grid_of_all_combinations() -> None:
    method = redirect(strength=[1, 1.5], keep=[1, 3], ridge=0.1, choice={"max_loss": 6.5})
    assert method.points("text") == ((1, 1, 0.1), (1, 3, 0.1), (1.5, 1, 0.1), (1.5, 3, 0.1))
    with pytest.raises(ValidationError, match="needs `validation`"):
        audit(methods=[{**REDIRECT, "keep": [1, 3]}])


def test_texts_are_preserved_by_the_text_tower_alone() -> None:
    method = redirect(
        roles={"image": ["fc2"], "text": ["fc2"]}, block=0, preserve={"phrases": ["a dog"]}
    )
    assert method.request("image") == PairMoments(0, words=False)
    assert method.request("text") == PairMoments(0, words=True, phrases=("a dog",))


@pytest.mark.parametrize("field", ["strength", "keep", "ridge"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), [], "much"])
def test_impossible_values_are_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError):
        redirect(**{field: value})


def test_layers_that_do_not_end_in_the_stream_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"residual stream.*which is fc2; got out"):
        redirect(roles={"image": [], "text": ["out"]})


def test_what_the_audit_measures_cannot_be_preserved() -> None:
    measured = {"kind": "demo", "set": "subjects"}
    method = {**REDIRECT, "preserve": {"sets": [measured]}}
    with pytest.raises(ValidationError, match="must not preserve sets that the audit measures"):
        audit(methods=[method], zeroshot=[measured])
    config = audit(methods=[method], zeroshot=[{"kind": "demo", "set": "objects"}])
    assert [data.name for data in config.edit_methods[0].preserved_sets] == ["subjects"]


@pytest.mark.parametrize("kind", CONTROLS)
def test_its_controls_are_of_redirections_and_others_are_not(kind: str) -> None:
    config = audit(methods=[REDIRECT, {"kind": kind, "of": "redirect", "seeds": 2}])
    (control,) = config.controls
    assert control.name == f"{kind} redirect"
    assert [draw.seed for draw in control.draws] == [0, 1]
    assert AuditConfig.model_validate_json(config.model_dump_json()) == config
    with pytest.raises(ValidationError, match="is for methods that redirect; got 'uwm'"):
        audit(methods=[{"kind": "uwm"}, {"kind": kind, "of": "uwm"}])
    with pytest.raises(ValidationError, match="is for methods that select weights"):
        audit(methods=[REDIRECT, {"kind": "random", "of": "redirect"}])


def test_drift_is_of_methods_that_select() -> None:
    with pytest.raises(ValidationError, match="redirect selects none"):
        audit(methods=[{"kind": "uwm"}, REDIRECT], drift={"methods": ["redirect"]})
    with pytest.raises(ValidationError, match="drift compares edits"):
        audit(methods=[REDIRECT], drift={})
    assert audit(methods=[{"kind": "uwm"}, REDIRECT], drift={}).drift
