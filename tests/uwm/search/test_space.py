"""Spaces: every point has one reading."""

from __future__ import annotations

import optuna
import pytest

from tests.makers.spaces import SPACE
from uwm.config import Layerwise, PerTower
from uwm.search.space import layerwise, normal


@pytest.mark.parametrize("point", [None, *SPACE.uniform(24, seed=3)])
def test_every_point_is_suggested_by_its_own_parameters(point: Layerwise | None) -> None:
    parameters = SPACE.parameters(point)
    assert parameters is not None
    assert SPACE.suggest(optuna.trial.FixedTrial(parameters)) == point


def test_a_uniform_point_has_one_share_and_factor_per_tower() -> None:
    points = SPACE.uniform(30, seed=0)
    for point in points:
        for tower in ("image", "text"):
            assert len(set(point.layers(tower).values())) <= 1
    assert {point.unit for point in points} == {"weight", "node"}
    assert points[:5] == SPACE.uniform(5, seed=0)


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": {"image.00.fc2": (0.5, -1)}},
        {"settings": {"image.00.fc2": (0.1, -9)}},
        {"settings": {"image.00.fc2": (0.1, -1), "image.00.out": (0.1, -1)}},
        {"settings": {"text.00.fc2": (0.1, -1)}},
        {"selection": "count"},
        {"score": "unsafe_only"},
    ],
)
def test_a_point_outside_the_space_has_no_parameters(changes: dict[str, object]) -> None:
    point = {"kind": "layerwise", "settings": {"image.00.fc2": (0.1, -1)}} | changes
    assert SPACE.parameters(Layerwise.model_validate(point)) is None


def test_points_that_edit_alike_are_equal() -> None:
    settings = {"text.00.fc2": (0.1, -1.0)}
    named = Layerwise(kind="layerwise", name="mine", unit="node", settings=settings)
    assert normal(named) == layerwise("neurons", settings, PerTower(image=True, text=True))
