"""Confidence intervals of metrics that are means over samples.

Outcomes are yes or no, and their mean a share in percent; or they are real numbers, and their mean
is in their own unit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

YesNo = NDArray[np.bool_]
Outcomes = YesNo | NDArray[np.float64]
"""A metric's outcome per sample, (samples,): whether it holds, or how large it is."""
Clusters = NDArray[np.int64] | None
"""Of each sample which cluster it is in, (samples,) from 0; None where each is one of its own.

Samples of one cluster, such as captions of one picture, are drawn together: what they have in
common is no further evidence."""
LEVEL = 0.95
CELLS = 1 << 24
"""Resampling counts held at once, so that memory does not grow with the number of samples."""

_FEW = 30
"""Clusters below which a bootstrap of them is not trusted."""


class Interval(NamedTuple):
    """A value with the bounds of its 95 % interval, in percent, points or the metric's unit."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def bootstrap_means(
    outcomes: NDArray[np.generic], resamples: int, seed: int, clusters: Clusters = None
) -> NDArray[np.float64]:
    """Means over bootstrap resamples of the rows, or of their clusters.

    Args:
        outcomes: (samples, metrics). Columns are resampled together, and so are two calls with the
            same number of samples and seed: differences between methods are paired.

    Returns:
        (resamples, metrics), in the unit of `outcomes`.
    """
    values = outcomes.astype(np.float64)
    draws = bootstrap_times(len(values), resamples, seed, clusters)
    return np.stack([times @ values / times.sum() for times in draws])


def bootstrap_times(
    samples: int, resamples: int, seed: int, clusters: Clusters = None
) -> Iterator[NDArray[np.int64]]:
    """How often each sample is drawn, (samples,), in one bootstrap resample after another.

    For statistics that are not plain means; the resamples are those of `bootstrap_means`. Clusters
    are drawn whole, so that the samples of a resample vary in number where clusters do in size.
    """
    generator = np.random.default_rng(seed)
    units = samples if clusters is None else int(clusters.max()) + 1
    step = max(1, CELLS // units)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        for indices in generator.integers(0, units, (size, units)):
            times = np.bincount(indices, minlength=units)
            yield times if clusters is None else times[clusters]


def part(clusters: Clusters, own: YesNo) -> Clusters:
    """The clusters of some samples, numbered anew; None where none of these share one."""
    if clusters is None:
        return None
    _, numbers = np.unique(clusters[own], return_inverse=True)
    return numbers if numbers.max(initial=-1) + 1 < len(numbers) else None


def few(clusters: Clusters) -> bool:
    """Whether there are too few clusters for a bootstrap, which then draws too narrow intervals."""
    return clusters is not None and int(clusters.max()) + 1 < _FEW


def effective_samples(
    values: NDArray[np.generic], clusters: Clusters, weights: NDArray[np.float64] | None = None
) -> float:
    """How many independent samples of equal weight say as much of the mean (Kish 1965).

    Args:
        values: (samples,), what the mean is of.
        weights: (samples,), how much each counts; 1 unless given.

    Returns:
        Between the effective number of clusters, which it is where the samples of each cluster are
        all alike, and that of samples, which it is where they have nothing in common.
    """
    numbers = values.astype(np.float64)
    weights = np.ones(len(numbers)) if weights is None else weights
    total = weights.sum()
    alone = float(total**2 / (weights**2).sum())
    if clusters is None:
        return alone
    together = float(total**2 / (np.bincount(clusters, weights) ** 2).sum())
    deviations = weights * (numbers - weights @ numbers / total)
    independent = float((deviations**2).sum())
    if independent == 0:  # all alike: nothing tells how alike clusters are
        return together
    clustered = float((np.bincount(clusters, deviations) ** 2).sum())
    return min(alone, max(together, alone * independent / clustered if clustered else alone))


def normal_samples(n: float, clusters: Clusters) -> float:
    """`n` effective samples for an interval of the normal distribution (Korn and Graubard 1998).

    Fewer than `n` by the square of how much wider Student's interval is, at the degrees of freedom
    that the number of clusters leaves.
    """
    if clusters is None:
        return n
    from scipy.stats import norm, t  # takes half a second, and is rarely needed

    freedom = int(clusters.max())
    if freedom < 1:
        return 1.0
    return n * float((norm.ppf((1 + LEVEL) / 2) / t.ppf((1 + LEVEL) / 2, freedom)) ** 2)


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


def mean_interval(outcomes: Outcomes, clusters: Clusters = None) -> Interval:
    """The mean of few samples with an interval of its own: Wilson's, or of real values Student's.

    Of a single real value the interval is not finite: it says nothing of how values vary.
    """
    if outcomes.dtype == np.bool_:
        return wilson(outcomes.astype(np.bool_), clusters)
    return student(outcomes.astype(np.float64), clusters)


def student(values: NDArray[np.float64], clusters: Clusters = None) -> Interval:
    """The mean of real values with Student's (1908) interval, in their own unit."""
    from scipy.stats import t  # takes half a second, and is rarely needed

    n, mean = effective_samples(values, clusters), float(values.mean())
    freedom = len(values) - 1 if clusters is None else int(clusters.max())
    if freedom < 1:
        return Interval(mean, -math.inf, math.inf)
    reach = float(t.ppf((1 + LEVEL) / 2, freedom)) * float(values.std(ddof=1)) / math.sqrt(n)
    return Interval(mean, mean - reach, mean + reach)


def wilson(outcomes: YesNo, clusters: Clusters = None) -> Interval:
    """A share in percent with Wilson's (1927) interval.

    For few samples: of outcomes that are all alike every bootstrap resample is alike, too, and its
    interval would have no width.
    """
    share = float(outcomes.mean())
    n = normal_samples(effective_samples(outcomes, clusters), clusters)
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # The bounds of 0 and 100 % are exact but for rounding.
    low, high = max(0.0, min(share, middle - reach)), min(1.0, max(share, middle + reach))
    return Interval(100 * share, 100 * low, 100 * high)
