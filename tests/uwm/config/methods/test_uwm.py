"""The paper's method: its settings, and what it asks for."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from uwm.config import Uwm
from uwm.config.methods.requests import Selection, StatisticsScore
from uwm.config.subset import Subset


def test_the_magnitude_prior_is_of_texts_alone() -> None:
    method = Uwm(kind="uwm")
    assert method.request("text") == StatisticsScore("weight", "ratio", prior=True)
    assert method.request("image") == StatisticsScore("weight", "ratio", prior=False)
    assert method.selected_by("image") == Selection("mass")


def test_a_part_of_the_pairs_is_part_of_the_request() -> None:
    part = Subset(per_concept=2)
    assert Uwm(kind="uwm", part=part).request("text").part == part


def test_differences_are_counted_and_have_no_mass() -> None:
    with pytest.raises(ValidationError, match="select them by `count`"):
        Uwm(kind="uwm", score="difference")
    assert Uwm(kind="uwm", score="difference", selection="count").rescored
