"""What the samples of an audit can show, before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from flows.stages.data import without_missing
from storage.sources import Source, picture_digests
from tasks.datasets import identify
from uwm.config import AuditConfig
from uwm.metrics.items import Items
from uwm.metrics.power import smallest_change
from uwm.metrics.registry import CLUSTER, ZEROSHOT_MEAN
from uwm.partitions import PARTITIONS

DISCORDANT = (0.1, 0.3)
"""Shares of answers that an edit changes, for which the smallest change is said."""


@dataclass(frozen=True)
class Power:
    """The smallest changes that one data set shows.

    Attributes:
        dataset: its name; of zero-shot sets together that of their mean.
        samples: independent ones: pairs (or clusters of them), or pictures.
        changes: in points, by `DISCORDANT`.
    """

    dataset: str
    samples: int
    changes: tuple[float, ...]


def powers(config: AuditConfig) -> list[Power]:
    """Of every benchmark, and of the mean over the zero-shot sets that stand for knowledge.

    Every metric of pairs is a share of the same pairs, so that one number holds for all.
    """
    found = []
    for data in config.benchmarks:
        samples = _pairs(identify(data, config.seed)[0])
        changes = tuple(smallest_change(samples, share) for share in DISCORDANT)
        found.append(Power(data.name, samples, changes))
    sizes = [len(identify(data, config.seed)[0].rows) for data in config.knowledge_sets]
    if sizes:
        # The mean over sets is as exact as so many pictures of one set would be.
        equal = len(sizes) ** 2 / sum(1 / size for size in sizes)
        changes = tuple(smallest_change(equal, share) for share in DISCORDANT)
        found.append(Power(ZEROSHOT_MEAN, sum(sizes), changes))
    return found


def too_strict(config: AuditConfig, found: list[Power]) -> Iterator[str]:
    """Rules of the policy that allow a smaller fall than a data set shows: they seldom break."""
    by_name = {power.dataset: power for power in found}
    for rule in config.policy.rules if config.policy else ():
        zeroshot = config.measured.by_rule_name[rule.metric].data == "zero-shot"
        names = rule.datasets or (
            (ZEROSHOT_MEAN,) if zeroshot else tuple(data.name for data in config.benchmarks)
        )
        for name in names:
            power = by_name.get(name)
            if power is None or rule.max_fall is None or rule.max_fall >= power.changes[0]:
                continue
            yield (
                f"the policy allows {rule.metric} to fall by {rule.max_fall:g} on {name}, whose "
                f"{power.samples} samples show a further fall of {power.changes[0]:.1f} points 4 "
                "times in 5: smaller ones pass. Take more samples, or state what they can show"
            )


def print_power(console: Console, config: AuditConfig) -> None:
    """A row per data set, and a sentence for every rule that it cannot hold."""
    config, _ = without_missing(config)
    found = powers(config)
    shares = " or ".join(f"{100 * share:g} %" for share in DISCORDANT)
    table = Table(title=f"smallest change shown 4 times in 5, where an edit changes {shares}")
    table.add_column("data set", no_wrap=True)
    for name in ("samples", *(f"{100 * share:g} % change" for share in DISCORDANT)):
        table.add_column(name, justify="right")
    for power in found:
        changes = (f"{math.ceil(10 * change) / 10:.1f} points" for change in power.changes)
        table.add_row(power.dataset, f"{power.samples:,}", *changes)
    console.print(table)
    for said in too_strict(config, found):
        console.print(f"warning: {said}", markup=False, highlight=False)


def _pairs(source: Source) -> int:
    """How many pairs are independent: rows, or clusters where they share pictures or a name."""
    digests = picture_digests(source)
    images: dict[str, list[str]] = {side: digests[side].tolist() for side in PARTITIONS}
    texts: dict[str, list[str]] = {side: source.texts[side].tolist() for side in PARTITIONS}
    named = source.rows[CLUSTER].tolist() if CLUSTER in source.rows else None
    clusters = Items.of(images, texts).clusters(named)
    return len(source.rows) if clusters is None else int(clusters.max()) + 1
