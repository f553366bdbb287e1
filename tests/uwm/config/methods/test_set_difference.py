"""Set difference: the shares that are taken and spared have no weight in common."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from uwm.config.methods import SetDifference
from uwm.config.methods.requests import Selection


def method(**changes: Any) -> SetDifference:
    return SetDifference.model_validate({"kind": "set_difference", **changes})


def test_weights_are_counted_among_those_that_are_not_spared() -> None:
    found = method(spared=0.3)
    request = found.request("image")
    assert (request.unit, request.score, request.spared) == ("weight", "unsafe_only", 0.3)
    assert found.selected_by("image") == Selection("count")
    assert [point.alpha for point in found.points("text")] == [0]


@pytest.mark.parametrize(
    ("tau", "spared", "fine"),
    [
        (0.5, 0.4, True),
        (0.5, 0.5, False),
        ([0.1, 0.7], 0.3, False),
        ({"image": 0.1, "text": [0.2, 0.8]}, 0.3, False),
    ],
)
def test_together_they_are_less_than_a_layer(tau: object, spared: float, fine: bool) -> None:
    if fine:
        method(tau=tau, spared=spared)
    else:
        with pytest.raises(ValidationError, match="sum must be below 1"):
            method(tau=tau, spared=spared)
