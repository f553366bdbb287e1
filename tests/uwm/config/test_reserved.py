"""Names of what nobody configures are free for nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tests.makers.audits import audit
from uwm.metrics.registry import ZEROSHOT_MEAN

POINT = {"kind": "layerwise", "settings": {"image.03.fc2": [0.1, -1]}}


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ({"kind": "uwm", "name": "original"}, "reserved for the unedited backbone"),
        ({"kind": "uwm", "name": "random mine"}, "reserved for random controls"),
        ({"kind": "uwm", "name": "magnitude mine"}, "reserved for magnitude controls"),
        ({"kind": "uwm", "name": "search safer"}, "points that a search chose"),
        ({"kind": "uwm", "name": "paper default", "tau": 0.1}, "the paper's settings"),
        ({"kind": "neurons", "name": "paper default"}, "the paper's settings"),
    ],
)
def test_a_reserved_name_is_refused_in_its_place(method: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as caught:
        audit(methods=[{"kind": "g_unsafe"}, method])
    assert [error["loc"] for error in caught.value.errors()] == [("methods", 1, "name")]


@pytest.mark.parametrize(
    "method",
    [
        {"kind": "original"},
        {**POINT, "name": "search safer"},
        {"kind": "uwm", "name": "paper default"},
        {"kind": "uwm", "name": "randomly"},
    ],
)
def test_what_a_name_is_reserved_for_may_have_it(method: dict[str, Any]) -> None:
    audit(methods=[method])


def test_no_data_set_is_called_as_the_mean_over_them() -> None:
    taken = {"kind": "demo", "set": "subjects", "name": ZEROSHOT_MEAN}
    with pytest.raises(ValidationError):
        audit(zeroshot=[taken])
