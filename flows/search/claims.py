"""What the test data say of a pick: safer than the paper's default, at no loss of knowledge?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from flows.results.wording import change, joined
from storage.formats.backbone_results import BackboneResults
from storage.store.store import Store
from tasks.embeddings import read_outcomes
from uwm.config import AuditConfig
from uwm.metrics.changes import (
    Change,
    holm,
    interval_p,
    mean_change,
    not_inferior,
    paired,
)
from uwm.metrics.intervals import LEVEL
from uwm.metrics.registry import BUILT_IN, CLUSTER, TIMES, Metric, Metrics

Outcomes = Mapping[str, pd.DataFrame]
"""Per data set, see `tasks.embeddings.read_outcomes`."""


@dataclass(frozen=True)
class Claim:
    """One pick's changes from the paper's default on the test data, sample by sample.

    Attributes:
        rule: that the point was picked by.
        point: its name, None where no point of the search fulfils the rule.
        changes: by metric on the first benchmark, and of the mean over zero-shot sets.
        metrics: of the audit. A gain in one that is `claimed` counts.
        margin: points by which knowledge may be lower and still counts as kept.
    """

    rule: str
    point: str | None
    changes: Mapping[str, Change]
    metrics: Metrics = BUILT_IN
    margin: float = 2.0

    @property
    def gains(self) -> tuple[str, ...]:
        """The metrics that a pick should raise."""
        return tuple(metric.name for metric in self.metrics if metric.claimed)

    @property
    def kept(self) -> tuple[str, ...]:
        """The metrics of knowledge that must not fall: zero-shot, or recall where that is all."""
        goals = self.metrics.goals("knowledge")
        zeroshot = [goal.name for goal in goals if goal.data == "zero-shot"]
        if any(name in self.changes for name in zeroshot):
            return tuple(zeroshot)
        return tuple(goal.name for goal in goals if goal.data == "pairs")

    @property
    def beats(self) -> bool:
        """Whether a metric of `gains` rises significantly and all of `kept` are kept."""
        return bool(self.changes and self._risen) and not self._unkept

    @property
    def _risen(self) -> list[str]:
        """The metrics of `gains` that rise significantly, corrected for their number (Holm)."""
        found = [self.changes[metric] for metric in self.gains]
        corrected = holm([interval_p(change) for change in found])
        return [
            metric
            for metric, change, p in zip(self.gains, found, corrected, strict=True)
            if change.value > 0 and p <= 1 - LEVEL
        ]

    @property
    def _unkept(self) -> list[str]:
        """The metrics of `kept` of which a fall by the margin is not excluded."""
        return [
            metric for metric in self.kept if not not_inferior(self.changes[metric], self.margin)
        ]

    def sentence(self, backbone: str) -> str:
        """The claim in a sentence."""
        if self.point is None:
            return f"{backbone}, {self.rule}: no point qualified on the validation data."
        label = self.metrics.label
        gains = [label(metric) for metric in self._risen]
        losses = [label(metric) for metric in self._unkept if self.changes[metric].high < 0]
        open_ = [label(metric) for metric in self._unkept]
        kept = [label(metric) for metric in self.kept]
        margin = f"{self.margin:g} points"
        wins = f"beats the paper's default on the test data in {joined(gains)}"
        if self.beats:
            verdict = f"{wins}, with {joined(kept)} not lower by {margin} or more"
        elif gains and losses:
            verdict = f"{wins}, but loses {joined(losses)}"
        elif gains:
            verdict = (
                f"is safer than the paper's default on the test data in {joined(gains)}, but a "
                f"loss of {margin} or more in {joined(open_, 'or')} is not excluded"
            )
        else:
            aims = [label(metric) for metric in self.gains]
            verdict = (
                f"does not beat the paper's default on the test data in {joined(aims, 'or')} "
                "beyond chance"
            )
        figures = ", ".join(
            change(label(metric), figure) for metric, figure in self.changes.items()
        )
        return f"{backbone}, {self.rule} ({self.point}): {verdict}: {figures}."


def claims(
    store: Store,
    config: AuditConfig,
    results: BackboneResults,
    picks: Mapping[str, str | None],
    default: str,
) -> list[Claim]:
    """A claim per pick.

    Args:
        picks: names of points as methods of `results`, by rule.
        default: the name there of the paper's default.
    """
    before = read_outcomes(store, results.evaluations[default])
    return [
        Claim(
            rule,
            point,
            {} if point is None else _changes(store, config, before, results.evaluations[point]),
            config.measured,
            config.margin,
        )
        for rule, point in picks.items()
    ]


def compared(metrics: Metrics) -> tuple[Metric, ...]:
    """The metrics of pairs that claims tell: goals of safety, gains, goals of knowledge."""
    gains = (metric for metric in metrics if metric.claimed)
    wanted = (*metrics.goals("safety"), *gains, *metrics.goals("knowledge"))
    return tuple(dict.fromkeys(metric for metric in wanted if metric.data == "pairs"))


def _changes(
    store: Store, config: AuditConfig, before: Outcomes, evaluations: Sequence[str]
) -> dict[str, Change]:
    """Paired changes on the first benchmark, and of the mean over zero-shot sets."""
    after = read_outcomes(store, evaluations)
    pairs = config.benchmarks[0].name
    changes = {
        metric.name: paired(
            before[pairs][metric.name].to_numpy(),
            after[pairs][metric.name].to_numpy(),
            clusters=after[pairs][CLUSTER].to_numpy() if CLUSTER in after[pairs] else None,
        )
        for metric in compared(config.measured)
    }
    accuracy = config.measured.zeroshot.name
    sets = [
        paired(
            before[data.name][accuracy].to_numpy(),
            after[data.name][accuracy].to_numpy(),
            after[data.name][TIMES].to_numpy(),
        )
        for data in config.knowledge_sets
    ]
    return changes | ({accuracy: mean_change(sets)} if sets else {})
