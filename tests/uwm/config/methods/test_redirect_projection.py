"""Redirection behind a tower: which towers, at which points, with which controls."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tests.makers.audits import audit
from uwm.config import AuditConfig, RedirectProjection
from uwm.config.methods.requests import PairMoments
from uwm.families import TOWERS

PROJECTION = {"kind": "redirect_projection"}


def projection(**settings: Any) -> RedirectProjection:
    return RedirectProjection.model_validate({**PROJECTION, **settings})


def test_by_default_it_edits_the_texts_projection_at_one_point() -> None:
    method = projection()
    assert method.points("image") == ()
    assert method.points("text") == ((1.0, 10.0, 0.001, 0.4),)
    assert method.request("text") == PairMoments("projection", words=True)
    assert not method.chooses
    assert not method.selects
    assert method.rescored
    assert not any(method.roles[tower] for tower in TOWERS)


def test_lists_are_a_grid_of_all_combinations_in_both_towers() -> None:
    method = projection(push=[0, 0.4], keep=[3, 10], towers=["image", "text"])
    expected = [(1, keep, 0.001, push) for keep in (3, 10) for push in (0, 0.4)]
    assert list(method.points("image")) == list(method.points("text")) == expected
    assert method.request("image") == PairMoments("projection", words=False)


WRONG: list[dict[str, object]] = [
    {"push": -1},
    {"push": float("nan")},
    {"push": float("inf")},
    {"push": []},
    {"push": "much"},
    {"keep": 0},
    {"towers": []},
    {"towers": ["text", "text"]},
    {"towers": ["audio"]},
    {"roles": {"image": [], "text": ["fc2"]}},
]


@pytest.mark.parametrize("settings", WRONG)
def test_what_cannot_be_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        projection(**settings)


@pytest.mark.parametrize("kind", ["swapped", "mispaired", "one_way"])
def test_its_controls_are_those_of_redirections(kind: str) -> None:
    control = {"kind": kind, "of": "redirect_projection"}
    config = audit(methods=[PROJECTION, control])
    assert [item.name for item in config.controls] == [f"{kind} redirect_projection"]
    assert AuditConfig.model_validate_json(config.model_dump_json()) == config
    said = "is for methods that select weights; got 'redirect_projection'"
    with pytest.raises(ValidationError, match=said):
        audit(methods=[PROJECTION, {"kind": "random", "of": "redirect_projection"}])


def test_what_the_audit_measures_cannot_be_preserved() -> None:
    measured = {"kind": "demo", "set": "subjects"}
    method = {**PROJECTION, "preserve": {"sets": [measured]}}
    with pytest.raises(ValidationError, match="must not preserve sets that the audit measures"):
        audit(methods=[method], zeroshot=[measured])
