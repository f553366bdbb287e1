"""Grids of numbers as a person writes them, in a file or on the command line."""

from __future__ import annotations

import math

import numpy as np

MOST = 10_000
"""Points of one grid."""


def numbers(value: object) -> object:
    """The numbers of a grid: of one number, a list, `1, 2`, or `FROM:TO:POINTS`, evenly apart.

    With `:log` at its end a range goes by even factors. Both ends are among its points, of which
    there are at least two. What is no text, no list and no number is left to whoever checks types.

    Raises:
        ValueError: text of another form, ends without a logarithm, or more than `MOST` points.

    Example:
        >>> numbers("0.1:0.4:4")
        (0.1, 0.2, 0.3, 0.4)
        >>> numbers("0.001:0.1:3:log")
        (0.001, 0.01, 0.1)
    """
    if not isinstance(value, str):
        return value if isinstance(value, list | tuple) else (value,)
    try:
        return _range(value) if ":" in value else tuple(map(float, value.split(",")))
    except ValueError as error:
        raise ValueError(
            f"a grid is a list of numbers such as 0.02,0.05, or FROM:TO:POINTS (up to {MOST}, "
            "evenly apart), or FROM:TO:POINTS:log (by even factors, from a number above 0); "
            f"got {value!r}"
        ) from error


def _range(text: str) -> tuple[float, ...]:
    parts = [part.strip() for part in text.split(":")]
    logarithmic = parts[-1] == "log"
    low, high, count = parts[:-1] if logarithmic else parts
    ends = float(low), float(high)
    if not 2 <= int(count) <= MOST or not all(map(math.isfinite, ends)):
        raise ValueError(text)
    if logarithmic and min(ends) <= 0:
        raise ValueError(text)
    points = (np.geomspace if logarithmic else np.linspace)(*ends, int(count))
    return tuple(float(f"{point:.6g}") for point in points)
