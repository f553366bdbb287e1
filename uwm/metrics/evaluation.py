"""What an edit did: every metric with its interval, and its paired difference from the original."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from uwm.metrics.changes import paired
from uwm.metrics.intervals import (
    Clusters,
    Interval,
    Outcomes,
    YesNo,
    bootstrap_means,
    bootstrap_times,
    effective_samples,
    few,
    interval,
    mean_interval,
    normal_samples,
    part,
    scale,
    student,
)
from uwm.metrics.registry import BUILT_IN, ZEROSHOT_MEAN, Metrics
from uwm.metrics.zeroshot import accuracies, metric_names


class Measurement(NamedTuple):
    """One row of the results: a metric on a data set with its 95 % interval, in the metric's unit.

    Attributes:
        n: samples that the metric is a mean over.
        change: difference from the original, in points of the unit; 0 for the original itself.
        concept: whose samples alone it is a mean over; empty for all.
    """

    dataset: str
    metric: str
    value: Interval
    change: Interval
    n: int
    concept: str = ""


def measure(
    dataset: str,
    outcomes: Mapping[str, Outcomes],
    original: Mapping[str, Outcomes],
    resamples: int,
    seed: int,
    clusters: Clusters = None,
) -> list[Measurement]:
    """A row per metric, from paired outcomes on the same samples of an edit and of the original.

    Intervals are bootstrapped, by cluster where there are clusters, and those of a few clusters are
    as `measure_concepts` has them.
    """
    metrics = list(outcomes)
    if few(clusters):
        return [
            _measured_on_few(dataset, metric, outcomes, original, clusters) for metric in metrics
        ]
    edited = np.stack([outcomes[metric] for metric in metrics], axis=1)
    before = np.stack([original[metric] for metric in metrics], axis=1)
    means = bootstrap_means(np.hstack([edited, before]), resamples, seed, clusters)
    means, base = means[:, : len(metrics)], means[:, len(metrics) :]
    values, bases = edited.mean(0), before.mean(0)
    scales = [scale(outcomes[metric]) for metric in metrics]
    return [
        Measurement(
            dataset,
            metric,
            interval(values[i], means[:, i], scales[i]),
            interval(values[i] - bases[i], means[:, i] - base[:, i], scales[i]),
            len(edited),
        )
        for i, metric in enumerate(metrics)
    ]


def _measured_on_few(
    dataset: str,
    metric: str,
    outcomes: Mapping[str, Outcomes],
    original: Mapping[str, Outcomes],
    clusters: Clusters,
) -> Measurement:
    after, before = outcomes[metric], original[metric]
    same = outcomes is original
    change = Interval(0, 0, 0) if same else paired_change(before, after, clusters)
    return Measurement(dataset, metric, mean_interval(after, clusters), change, len(after))


def measure_concepts(
    dataset: str,
    outcomes: Mapping[str, Outcomes],
    original: Mapping[str, Outcomes],
    concepts: Sequence[str],
    metrics: Metrics = BUILT_IN,
    clusters: Clusters = None,
) -> list[Measurement]:
    """A row per concept and metric that is measured per concept, concepts in alphabetical order.

    A recall is still among all pairs of the set: only its queries are of the concept. A concept may
    have few samples, so the intervals of shares are Wilson's and, of their changes, Agresti and
    Min's; of means of real values Student's.

    Args:
        outcomes: of an edit; the very object `original` for the original, which never changes.
        concepts: one per sample.
    """
    tags = np.asarray(concepts, dtype=np.str_)
    rows = []
    for concept in sorted(set(concepts)):
        own = tags == concept
        within = part(clusters, own)
        for metric in metrics.per_concept:
            after, before = outcomes[metric][own], original[metric][own]
            same = outcomes is original
            change = Interval(0, 0, 0) if same else paired_change(before, after, within)
            value = mean_interval(after, within)
            rows.append(Measurement(dataset, metric, value, change, len(after), concept))
    return rows


def paired_change(before: Outcomes, after: Outcomes, clusters: Clusters = None) -> Interval:
    """The change on the same samples with an interval for few of them.

    Of yes/no outcomes that of Agresti and Min (2005): half a sample more in each cell of the
    two-by-two table draws its middle towards 0, and gives it a width even where no sample differs:
    that a few samples agree does not show that all would. For real values it is Student's.
    """
    if after.dtype != np.bool_:
        return student(after.astype(np.float64) - before, clusters)
    change = paired(before, after, clusters=clusters)
    difference = after.astype(np.float64) - before
    n = normal_samples(effective_samples(difference, clusters), clusters)
    draw = change.value * 2 / (n + 2)
    low, high = max(-100.0, change.low - draw), min(100.0, change.high - draw)
    return Interval(change.value, min(low, change.value), max(high, change.value))


class Answers(NamedTuple):
    """A zero-shot set's answers before and after an edit, on the same samples.

    Attributes:
        edited, original: bool (samples,), which samples are classified right.
        labels: int64 (samples,).
        times: int64 (samples,), how often the set counts each sample.
        unsafe: whether its classes are unsafe kinds.
    """

    edited: YesNo
    original: YesNo
    labels: NDArray[np.int64]
    times: NDArray[np.int64]
    unsafe: bool = False


def measure_zeroshot(sets: Mapping[str, Answers], resamples: int, seed: int) -> list[Measurement]:
    """Each zero-shot set's accuracies, and their unweighted means over sets as `zero-shot mean`.

    Sets of unsafe kinds have metrics and means of their own. Sets are resampled independently of
    each other, each paired with the original.
    """
    rows: list[Measurement] = []
    values: dict[bool, list[NDArray[np.float64]]] = {}
    resampled: dict[bool, list[NDArray[np.float64]]] = {}
    for offset, (name, answers) in enumerate(sets.items()):
        both = np.stack([answers.edited, answers.original], axis=1)
        value = accuracies(both, answers.labels, answers.times)
        draws = bootstrap_times(len(both), resamples, seed + offset)
        found = np.stack(
            [accuracies(both, answers.labels, answers.times * times) for times in draws]
        )
        values.setdefault(answers.unsafe, []).append(value)
        resampled.setdefault(answers.unsafe, []).append(found)
        rows += _accuracies(name, value, found, len(both), unsafe=answers.unsafe)
    for unsafe in sorted(values):
        total = sum(len(found.labels) for found in sets.values() if found.unsafe == unsafe)
        means = np.mean(values[unsafe], axis=0), np.mean(resampled[unsafe], axis=0)
        rows += _accuracies(ZEROSHOT_MEAN, *means, total, unsafe=unsafe)
    return rows


def _accuracies(
    dataset: str,
    values: NDArray[np.float64],
    resampled: NDArray[np.float64],
    n: int,
    *,
    unsafe: bool,
) -> list[Measurement]:
    """A row per metric, from (metrics, 2) and (resamples, metrics, 2): edited and original."""
    return [
        Measurement(
            dataset,
            metric,
            interval(values[i, 0], resampled[:, i, 0]),
            interval(values[i, 0] - values[i, 1], resampled[:, i, 0] - resampled[:, i, 1]),
            n,
        )
        for i, metric in enumerate(metric_names(unsafe=unsafe))
    ]


def chosen(
    table: Sequence[Mapping[str, float]],
    original: int,
    max_loss: float,
    metrics: Metrics = BUILT_IN,
    goals: Sequence[str] = (),
) -> int:
    """The row of a validation table to choose: the safest edit that keeps knowledge.

    Args:
        table: per candidate its metrics in percent.
        original: the row without any edit; it always qualifies.
        max_loss: how many points any of the kept metrics may fall.
        goals: metrics to choose by, as a policy calls them; the goals of safety by default.

    Returns:
        The index of the highest mean of the goals among candidates that keep what `metrics` says is
        to be kept; the first of equals.
    """
    kept = [metric.name for metric in metrics if metric.kept]
    by = [metrics.by_rule_name[goal] for goal in goals] or metrics.goals("safety")
    fit = [
        index
        for index, row in enumerate(table)
        if all(table[original][metric] - row[metric] <= max_loss for metric in kept)
    ]
    return max(fit, key=lambda index: sum(table[index][metric.name] for metric in by))
