"""One way to write a grid, wherever one may stand."""

from __future__ import annotations

import pytest

from uwm.config.grids import numbers


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (0.1, (0.1,)),
        ([0.1, 0.2], [0.1, 0.2]),
        ("0.1", (0.1,)),
        ("-1, 0,2", (-1.0, 0.0, 2.0)),
        ("0.1:0.4:4", (0.1, 0.2, 0.3, 0.4)),
        ("-1:1:9", (-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0)),
        ("3:1:3", (3.0, 2.0, 1.0)),
        ("0.001:0.1:3:log", (0.001, 0.01, 0.1)),
    ],
)
def test_a_grid_is_what_was_written(written: object, meant: object) -> None:
    assert numbers(written) == meant


@pytest.mark.parametrize(
    "written",
    ["0.1:0.2", "a", "", "1,", "0:0.1:3:log", "-1:1:3:log", "1:2:1", "1:2:10001", "nan:1:3",
     "1:inf:3", "1:2:3:4", "1:2:3:lin", "1:2:2.5"],
)  # fmt: skip
def test_what_is_no_grid_is_told_with_the_forms_there_are(written: str) -> None:
    with pytest.raises(ValueError, match="FROM:TO:POINTS:log"):
        numbers(written)
