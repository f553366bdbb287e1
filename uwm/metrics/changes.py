"""Has a metric fallen between two audits? Changes with their errors, and a test for many at once.

On the same samples a change is the mean of paired differences. Of yes/no outcomes its error is
after Agresti and Min (2005), who add half a sample to each cell of the two-by-two table; on
different samples it is a difference of two shares, after Agresti and Caffo (2000). Both stay honest
where next to nothing has changed, as between audits of an almost identical model. Of real values
the error is that of the mean difference, from its standard deviation. A fall is tested against a
margin, one-sided, and many tests are corrected by Holm (1979), which holds whatever the dependence
between metrics of the same pictures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from uwm.metrics.intervals import (
    LEVEL,
    Clusters,
    Interval,
    Outcomes,
    effective_samples,
    normal_samples,
    scale,
)

_NORMAL = NormalDist()
_WIDTH = _NORMAL.inv_cdf((1 + LEVEL) / 2)


class Bounded(Protocol):
    """A change with the bounds of its 95 % interval."""

    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


class Change(NamedTuple):
    """A change between two measurements and its standard error.

    In percentage points, or in the metric's own unit where that is not percent. The interval of a
    change that was measured by resampling is an `uwm.metrics.intervals.Interval` instead.
    """

    value: float
    error: float

    @property
    def low(self) -> float:
        """Of the 95 % interval."""
        return self.value - _WIDTH * self.error

    @property
    def high(self) -> float:
        return self.value + _WIDTH * self.error


UNCHANGED = Change(0.0, 0.0)
"""Of a model that is the same bit for bit."""


def paired(
    before: Outcomes,
    after: Outcomes,
    times: NDArray[np.int64] | None = None,
    clusters: Clusters = None,
) -> Change:
    """The change on the same samples.

    Args:
        before, after: (samples,), both yes/no or both real values.
        times: int64 (samples,), how often each sample counts; once unless given.
        clusters: samples that say less together than as many others.
    """
    scaled = scale(after)
    weights = np.ones(len(before)) if times is None else times.astype(np.float64)
    difference = after.astype(np.float64) - before.astype(np.float64)
    total = weights.sum()
    n = normal_samples(effective_samples(difference, clusters, weights), clusters)
    mean = float(weights @ difference / total)
    squares = float(weights @ difference**2 / total)
    if after.dtype == np.bool_:
        variance = (n * squares + 1 - (n * mean) ** 2 / (n + 2)) / (n + 2) ** 2
    else:  # of a single sample nothing is known about how others vary
        variance = max(0.0, squares - mean**2) / (n - 1) if n > 1 else math.inf
    return Change(scaled * mean, scaled * math.sqrt(variance))


def between_intervals(before: Interval, after: Interval) -> Change:
    """The change of a mean between different samples, from its 95 % intervals."""
    errors = [(found.high - found.low) / (2 * _WIDTH) for found in (before, after)]
    return Change(after.value - before.value, math.hypot(*errors))


def independent(before: tuple[float, int], after: tuple[float, int]) -> Change:
    """The change between different samples, each given as (share in percent, samples)."""
    shares = [(share / 100 * n + 1) / (n + 2) for share, n in (before, after)]
    sizes = [n + 2 for _, n in (before, after)]
    variance = sum(share * (1 - share) / n for share, n in zip(shares, sizes, strict=True))
    return Change(after[0] - before[0], 100 * math.sqrt(variance))


def mean_change(changes: Sequence[Change]) -> Change:
    """The change of an unweighted mean over independent sets."""
    return Change(
        sum(change.value for change in changes) / len(changes),
        math.hypot(*(change.error for change in changes)) / len(changes),
    )


def p_value(change: Change, max_fall: float) -> float:
    """How likely a fall at least as large is where the true one is at most `max_fall` points."""
    beyond = -change.value - max_fall
    if change.error == 0:
        return 0.0 if beyond > 0 else 1.0
    return _NORMAL.cdf(-beyond / change.error)


def interval_p(change: Bounded) -> float:
    """The two-sided p-value of a change, from its 95 % interval.

    A normal one by the distance of its bound on the side of zero, so that it is at most 5 % just
    where the interval excludes zero.
    """
    distance = abs(change.value)
    width = change.value - change.low if change.value > 0 else change.high - change.value
    if distance == 0:
        return 1.0
    return 2 * _NORMAL.cdf(-_WIDTH * distance / width) if width > 0 else 0.0


def not_inferior(change: Bounded, margin: float) -> bool:
    """Whether a fall of `margin` points or more is excluded: the 95 % interval lies above it.

    That an interval includes zero excludes nothing: it does so wherever there are few samples.
    """
    return change.low > -margin


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values: those at most a level make any false alarm no likelier than the level."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [1.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted
