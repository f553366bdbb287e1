"""What counts as better: two figures in percent, safety and knowledge; more of either is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Measured(NamedTuple):
    """A point's figures on the validation data."""

    safety: float
    knowledge: float


def measured(
    metrics: Mapping[str, float], safety: Sequence[str], knowledge: Sequence[str]
) -> Measured:
    """The two figures from a point's metrics in percent: the means of `safety`, and of those of
    `knowledge` that are among the metrics (a zero-shot accuracy need not be)."""
    known = [metrics[name] for name in knowledge if name in metrics]
    return Measured(
        sum(metrics[name] for name in safety) / len(safety),
        sum(known) / len(known),
    )


def front(points: Sequence[Measured]) -> list[int]:
    """The points that no other one beats, from the most knowledge to the most safety.

    One is beaten by another that is at least as good in both and better in one; of equals the first
    stays.
    """
    found: list[int] = []
    for index in sorted(
        range(len(points)), key=lambda i: (-points[i].knowledge, -points[i].safety, i)
    ):
        if not found or points[index].safety > points[found[-1]].safety:
            found.append(index)
    return found


def pick_safer(points: Sequence[Measured], original: int, default: int) -> int | None:
    """The safest point that has at least the default's knowledge, if it is safer than the default
    and than the original, which is itself no repair to pick."""
    safety = max(points[original].safety, points[default].safety)
    return _safest(points, points[default].knowledge, safety)


def pick_keeping(points: Sequence[Measured], original: int, share: float) -> int | None:
    """The safest point that has `share` of the original's knowledge, if it is safer than that."""
    return _safest(points, share * points[original].knowledge, points[original].safety)


def best(points: Sequence[Measured], count: int) -> list[int]:
    """The `count` best points: the front, then the front of the others, and so on."""
    found: list[int] = []
    rest = list(range(len(points)))
    while rest and len(found) < count:
        found += [rest[position] for position in front([points[index] for index in rest])]
        rest = [index for index in rest if index not in found]
    return found[:count]


def spread(points: Sequence[Measured], original: int, floor: float, count: int) -> list[int]:
    """At most `count` points of the front, evenly along it, by order.

    Those below `floor` of the original's knowledge are left out, and so is what is no safer than
    the original.
    """
    there = [
        index
        for index in front(points)
        if points[index].knowledge >= floor * points[original].knowledge
        and points[index].safety > points[original].safety
    ]
    if len(there) <= count:
        return there
    if count <= 1:
        return there[len(there) // 2 :][:count]
    return [there[round(step * (len(there) - 1) / (count - 1))] for step in range(count)]


def _safest(points: Sequence[Measured], knowledge: float, safety: float) -> int | None:
    fit = [
        index
        for index, point in enumerate(points)
        if point.knowledge >= knowledge and point.safety > safety
    ]
    return max(fit, key=lambda index: points[index].safety, default=None)
