"""Controls: named by what they control, and gone with it."""

from __future__ import annotations

import pytest

from uwm.config import MagnitudeControl, RandomControl
from uwm.config.methods import Control

CONTROLS = [RandomControl(kind="random", of="mine"), MagnitudeControl(kind="magnitude", of="mine")]


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.kind)
def test_a_control_is_named_after_its_method_and_needs_it(control: Control) -> None:
    assert control.name == f"{control.kind} mine"
    assert control.refers_to == ("mine",)
    assert control.control is control
    assert control.edits is None


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.kind)
def test_no_two_draws_are_the_same_edit(control: Control) -> None:
    assert len(set(control.draws)) == len(control.draws) >= 1
