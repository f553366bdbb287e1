"""A part of the calibration set: what it says of itself."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from uwm.config.subset import Subset


@pytest.mark.parametrize(
    ("subset", "said"),
    [
        (Subset(), "all"),
        (Subset(seed=3), "all"),
        (Subset(per_concept=2), "2 per concept (seed 0)"),
        (Subset(half="first", seed=3), "first half (seed 3)"),
        (Subset(without=("a", "b"), per_concept=1), "1 per concept, without a, b (seed 0)"),
    ],
)
def test_it_says_what_it_leaves_out(subset: Subset, said: str) -> None:
    assert str(subset) == said


def test_no_pair_of_a_concept_is_no_part() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        Subset(per_concept=0)
