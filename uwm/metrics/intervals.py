"""Confidence intervals of metrics that are means of yes/no outcomes over samples."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Outcomes = NDArray[np.bool_]
LEVEL = 0.95
_CELLS = 1 << 24
"""Resampling counts held at once, so that memory does not grow with the number of samples."""


class Interval(NamedTuple):
    """A value with the bounds of its 95 % interval, all in percent (or percentage points)."""

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


def interval(value: float, means: NDArray[np.float64]) -> Interval:
    """The percentile interval (Efron 1981) of a mean, from fractions to percent.

    Args:
        value: the mean over the samples themselves.
        means: (resamples,), of `bootstrap_means`.
    """
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(means, [tail, 100 - tail])
    return Interval(100 * value, 100 * float(low), 100 * float(high))


def wilson(outcomes: Outcomes) -> Interval:
    """A share in percent with Wilson's (1927) interval.

    For few samples: of outcomes that are all alike every bootstrap resample is alike, too, and its
    interval would have no width.
    """
    n = len(outcomes)
    share = float(outcomes.mean())
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # The bounds of 0 and 100 % are exact but for rounding.
    low, high = min(share, max(0.0, middle - reach)), max(share, min(1.0, middle + reach))
    return Interval(100 * share, 100 * low, 100 * high)
