"""Random controls: so many seeds, and a name that says what is equal."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from uwm.config import RandomControl
from uwm.config.methods.requests import Draw, Equal


def test_every_seed_is_a_draw() -> None:
    control = RandomControl(kind="random", of="uwm", seeds=2, equal="norm")
    assert control.draws == (Draw("norm", 0), Draw("norm", 1))


def test_controls_that_differ_in_what_is_equal_stand_side_by_side() -> None:
    kinds = get_args(Equal)
    names = {RandomControl(kind="random", of="uwm", equal=equal).name for equal in kinds}
    assert len(names) == len(kinds)
    assert "random uwm" in names  # of the default


@pytest.mark.parametrize("seeds", [0, 101])
def test_a_number_of_seeds_that_shows_nothing_or_takes_days_is_refused(seeds: int) -> None:
    with pytest.raises(ValidationError):
        RandomControl(kind="random", of="uwm", seeds=seeds)
