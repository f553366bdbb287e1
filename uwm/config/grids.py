"""Parse grids of numbers as users write them in a file or on the command line."""

from __future__ import annotations

import math

import numpy as np

MOST = 10_000
"""The largest number of points in one grid."""


def numbers(value: object) -> object:
    """The numbers of a grid, given as one number, a list, `1, 2`, or the range `FROM:TO:POINTS`.

    The points of a range are evenly spaced and include both ends; with `:log` appended they are
    evenly spaced on a logarithmic scale. Values of other types pass through for pydantic to check.

    Raises:
        ValueError: the text has another form, a logarithmic range has an end that is not positive,
            or a range has fewer than 2 or more than `MOST` points.

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
            "a grid is a list of numbers such as 0.02,0.05, or FROM:TO:POINTS with 2 to "
            f"{MOST} evenly spaced points, or FROM:TO:POINTS:log with a logarithmic scale; "
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
