"""What every method states of itself, and what editing ones have in common."""

from __future__ import annotations

from typing import Any

import pytest

from uwm.config import EditMethod, GridMethod, Method
from uwm.config.methods import METHODS, check_mass
from uwm.config.methods.requests import EditPoint
from uwm.families import TOWERS

NEEDS: dict[str, dict[str, Any]] = {
    "layerwise": {"settings": {"image.03.fc2": [0.1, -1]}},
    "checkpoint": {"weights": {"vit": {"kind": "demo", "name": "vit"}}},
}


def made(kind: str, **changes: Any) -> Method:
    controls = {"of": "uwm"} if "of" in METHODS.own[kind].model_fields else {}
    document = {"kind": kind, **controls, **NEEDS.get(kind, {}), **changes}
    return METHODS.own[kind].model_validate(document)


@pytest.mark.parametrize("kind", METHODS.own)
def test_every_method_is_one_sort_of_thing(kind: str) -> None:
    """It edits, or brings weights, or rewrites embeddings, or controls another, or does nothing."""
    method = made(kind)
    sorts = (method.edits, method.brings_weights, method.rewriting, method.control)
    assert sum(bool(sort) for sort in sorts) == (kind != "original")
    assert (method.weights_for("vit") is not None) == method.brings_weights
    assert method.name
    if method.edits:
        assert method.edits is method
        # A final projection lies in no block, and is of no role.
        edited = [tower for tower in TOWERS if method.edits.points(tower)]
        assert edited
        assert kind == "redirect_projection" or all(method.changed_roles[it] for it in edited)


@pytest.mark.parametrize("kind", METHODS.own)
def test_a_method_is_kept_for_the_backbones_that_it_is_for(kind: str) -> None:
    method = made(kind)
    assert method.of_backbones(["vit"]) == method
    assert (method.of_backbones(["other"]) is None) == bool(method.named_backbones)


def grids() -> list[str]:
    return [kind for kind, of in METHODS.own.items() if issubclass(of, GridMethod)]


@pytest.mark.parametrize("kind", grids())
def test_a_grid_is_every_share_with_every_factor_in_towers_that_are_edited(kind: str) -> None:
    key = "share" if kind == "neurons" else "tau"
    roles = {"image": [], "text": ["fc1"]}
    method = made(kind, **{key: [0.1, 0.2]}, alpha=[0, -1, -2], roles=roles)
    assert isinstance(method, EditMethod)
    assert method.chooses
    assert method.points("image") == ()
    expected = [EditPoint(share, factor) for share in (0.1, 0.2) for factor in (0, -1, -2)]
    assert list(method.points("text")) == expected


@pytest.mark.parametrize("kind", grids())
def test_an_edit_on_other_weights_refers_to_them_and_is_not_made_anew_from_parts(
    kind: str,
) -> None:
    method = made(kind, base="trained")
    assert isinstance(method, EditMethod)
    assert method.refers_to == ("trained",)
    assert not method.rescored
    assert made(kind).refers_to == ()


@pytest.mark.parametrize(
    ("score", "selection", "fine"),
    [("ratio", "mass", True), ("difference", "count", True), ("difference", "mass", False)],
)
def test_scores_that_can_be_negative_have_no_mass(score: str, selection: str, fine: bool) -> None:
    if fine:
        check_mass((score,), (selection,))
    else:
        with pytest.raises(ValueError, match="no mass"):
            check_mass((score,), (selection,))
