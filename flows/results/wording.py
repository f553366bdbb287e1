"""How results are put into words: one form for figures, intervals and counts in every sentence.

Changes have a sign and are in percentage points, or in the metric's own unit where that is not
percent: `P_t_u +1.7 [+0.3, +3.1]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from uwm.wording import plural as counted

Mark = Literal["+", "-", ""]


class HasInterval(Protocol):
    """A figure with the bounds of its 95 % interval."""

    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def mark(low: float, high: float, *, control: bool = False, higher_is_better: bool = True) -> Mark:
    """Whether a change is beyond its interval: `+` for the better, `-` for the worse, else empty.

    A random control is never marked: its `low` and `high` are the lowest and the highest of a few
    seeds, which is not an interval.
    """
    if control or low <= 0 <= high:
        return ""
    return "+" if (low > 0) == higher_is_better else "-"


def rounded(value: float, digits: int = 1) -> str:
    """A figure: `61.7`. One that rounds to zero has no sign: `0.0`, never `-0.0`."""
    return f"{value:z.{digits}f}"


def signed(value: float, digits: int = 1) -> str:
    """A change: `+1.7`. One that rounds to zero is `+0.0`, whichever side of zero it is on."""
    return f"{value:+z.{digits}f}"


def bracket(low: float, high: float, digits: int = 1) -> str:
    """The interval of a change: `[+0.3, +3.1]`."""
    return f"[{signed(low, digits)}, {signed(high, digits)}]"


def change(metric: str, figure: HasInterval, digits: int = 1) -> str:
    """A metric's change with its interval: `P_t_u +1.7 [+0.3, +3.1]`."""
    return f"{metric} {signed(figure.value, digits)} {bracket(figure.low, figure.high, digits)}"


def plural(count: int, noun: str) -> str:
    """`1 row`, `2 rows`, and in a sentence `no rows` where a command counts `0 rows`."""
    return counted(count, noun) if count else f"no {noun}s"


def joined(words: Sequence[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    return f" {last} ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
