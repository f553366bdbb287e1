"""Confidence intervals of metrics that are means over samples.

Outcomes are yes or no, and their mean a share in percent; or they are real numbers, and their mean
is in their own unit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

YesNo = NDArray[np.bool_]
Outcomes = YesNo | NDArray[np.float64]
"""A metric's outcome per sample, (samples,): whether it holds, or how large it is."""
LEVEL = 0.95
_CELLS = 1 << 24
"""Resampling counts held at once, so that memory does not grow with the number of samples."""


class Interval(NamedTuple):
    """A value with the bounds of its 95 % interval, in percent, points or the metric's unit."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def bootstrap_means(
    outcomes: NDArray[np.generic], resamples: int, seed: int
) -> NDArray[np.float64]:
    """Means over bootstrap resamples of the rows.

    Args:
        outcomes: (samples, metrics). Columns are resampled together, and so are two calls with the
            same number of samples and seed: differences between methods are paired.

    Returns:
        (resamples, metrics), in the unit of `outcomes`.
    """
    values = outcomes.astype(np.float64)
    means = np.stack([times @ values for times in bootstrap_times(len(values), resamples, seed)])
    return means / len(values)


def bootstrap_times(samples: int, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """How often each sample is drawn, (samples,), in one bootstrap resample after another.

    For statistics that are no plain means; the resamples are those of `bootstrap_means`.
    """
    generator = np.random.default_rng(seed)
    step = max(1, _CELLS // samples)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        for indices in generator.integers(0, samples, (size, samples)):
            yield np.bincount(indices, minlength=samples)


def scale(outcomes: Outcomes) -> float:
    """What a mean of outcomes is multiplied by to be reported: 100 where they are yes or no."""
    return 100.0 if outcomes.dtype == np.bool_ else 1.0


def interval(value: float, means: NDArray[np.float64], scale: float = 100.0) -> Interval:
    """The percentile interval (Efron 1981) of a mean; from fractions to percent unless told.

    Args:
        value: the mean over the samples themselves.
        means: (resamples,), of `bootstrap_means`.
        scale: see the function of this name.
    """
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(means, [tail, 100 - tail])
    return Interval(scale * value, scale * float(low), scale * float(high))


def mean_interval(outcomes: Outcomes) -> Interval:
    """The mean of few samples with an interval of its own: Wilson's, or of real values Student's.

    Of a single real value the interval is not finite: it says nothing of how values vary.
    """
    if outcomes.dtype == np.bool_:
        return wilson(outcomes.astype(np.bool_))
    return student(outcomes.astype(np.float64))


def student(values: NDArray[np.float64]) -> Interval:
    """The mean of real values with Student's (1908) interval, in their own unit."""
    from scipy.stats import t  # takes half a second, and is rarely needed

    n, mean = len(values), float(values.mean())
    if n < 2:
        return Interval(mean, -math.inf, math.inf)
    reach = float(t.ppf((1 + LEVEL) / 2, n - 1)) * float(values.std(ddof=1)) / math.sqrt(n)
    return Interval(mean, mean - reach, mean + reach)


def wilson(outcomes: YesNo) -> Interval:
    """A share in percent with Wilson's (1927) interval.

    For few samples: of outcomes that are all alike every bootstrap resample is alike, too, and its
    interval would have no width.
    """
    from scipy.stats import binomtest  # takes half a second, and is rarely needed

    test = binomtest(int(outcomes.sum()), len(outcomes))
    found = test.proportion_ci(LEVEL, method="wilson")
    share = float(outcomes.mean())
    # The bounds of 0 and 100 % are exact but for rounding.
    return Interval(100 * share, 100 * min(share, found.low), 100 * max(share, found.high))
