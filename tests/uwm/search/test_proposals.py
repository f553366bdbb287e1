"""Proposals depend on what was measured and the seed, and on nothing else."""

from __future__ import annotations

import sys

import pytest

from tests.makers.spaces import SPACE
from uwm.errors import InputError
from uwm.search.pareto import Measured
from uwm.search.proposals import optuna_version, propose
from uwm.search.space import Point

POINTS: list[Point] = [None, *SPACE.uniform(11, seed=0)]
VALUES = [Measured(10 + index, 50 - index % 4) for index in range(12)]


def test_the_same_seed_proposes_the_same_new_points() -> None:
    found = propose(SPACE, POINTS, VALUES, 8, seed=1)
    assert len(found) == 8
    assert found == propose(SPACE, POINTS, VALUES, 8, seed=1)
    assert found != propose(SPACE, POINTS, VALUES, 8, seed=2)
    for index, point in enumerate(found):
        assert point not in [*POINTS, *found[:index]]
        assert SPACE.parameters(point) is not None


def test_layers_get_settings_of_their_own() -> None:
    found = propose(SPACE, POINTS, VALUES, 16, seed=0)
    assert any(
        point is not None and len(set(point.layers(tower).values())) > 1
        for point in found
        for tower in ("image", "text")
    )


def test_one_known_point_is_enough_to_begin_with() -> None:
    assert len(propose(SPACE, [None], [VALUES[0]], 3, seed=0)) == 3


def test_a_missing_package_is_told_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InputError, match=r"-e '.\[search\]'"):
        optuna_version()
