"""The verdict on an audit: its policy, held against the last accepted audit of the same name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pandas as pd

from flows.results.wording import plural, rounded
from storage.store.history import Figure, KeptAudit, written
from storage.store.store import Store
from tasks.embeddings import read_outcomes
from uwm.config import Policy, Rule
from uwm.errors import DamagedArtifactError
from uwm.metrics.changes import (
    UNCHANGED,
    Change,
    between_intervals,
    holm,
    independent,
    mean_change,
    p_value,
    paired,
)
from uwm.metrics.intervals import Interval
from uwm.metrics.registry import CLUSTER, PERCENT, TIMES, ZEROSHOT_MEAN, Metric, Metrics

Key = tuple[str, str, str, str]
"""Backbone, method, data set, metric."""


@dataclass(frozen=True)
class Check:
    """One rule on one figure.

    Attributes:
        metric: as the rule calls it.
        before: the baseline's value; None where it has none.
        change: since the baseline.
        basis: how the change was computed: `unchanged` (the same evaluation), `paired` (the same
            samples), `not paired` (the data changed or the old outcomes are gone), or why there is
            none: `no baseline`, `other sets`.
        p: of the fall, corrected for all checks of the audit; None where no fall is limited.
        broken: how the rule is broken; empty where it holds.
        digits: to show of its figures.
    """

    backbone: str
    method: str
    dataset: str
    metric: str
    rule: Rule
    value: float
    before: float | None = None
    change: Change | None = None
    basis: str = "no baseline"
    p: float | None = None
    broken: str = ""
    digits: int = 1

    def record(self) -> dict[str, Any]:
        """As `results.json` has it."""
        change = self.change
        return {
            "backbone": self.backbone,
            "method": self.method,
            "dataset": self.dataset,
            "metric": self.metric,
            "max_fall": self.rule.max_fall,
            "floor": self.rule.floor,
            "value": self.value,
            "before": self.before,
            "change": change and [change.value, change.low, change.high],
            "basis": self.basis,
            "p": self.p,
            "broken": self.broken,
        }

    def __str__(self) -> str:
        where = f"{self.backbone}, {self.method}: {self.metric} on {self.dataset}"
        return f"{where} {self.broken}" if self.broken else where


@dataclass(frozen=True)
class Verdict:
    """What a policy says of an audit.

    Attributes:
        baseline: when the audit that it was compared with was kept; None for the first.
        notes: what could not be compared, and why.
    """

    baseline: datetime | None
    checks: Sequence[Check]
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def broken(self) -> list[Check]:
        return [check for check in self.checks if check.broken]

    @property
    def passed(self) -> bool:
        return not self.broken

    @property
    def sentence(self) -> str:
        """The verdict in one line; without a baseline no fall can have been checked."""
        count = plural(len(self.checks), "check")
        against = "no baseline yet (floors only)"
        if self.baseline is not None:
            against = f"compared with the audit of {written(self.baseline)}"
        if self.passed:
            return f"passed: {count}, {against}"
        return f"regressed: {len(self.broken)} of {count} broken, {against}"

    def record(self) -> dict[str, Any]:
        """As `results.json` has it."""
        return {
            "passed": self.passed,
            "sentence": self.sentence,
            "baseline": self.baseline.isoformat() if self.baseline else None,
            "notes": list(self.notes),
            "checks": [check.record() for check in self.checks],
        }


def figures(whole: pd.DataFrame) -> tuple[Figure, ...]:
    """The rows to keep of those about whole data sets: all but random controls'."""
    rows = whole[whole["control_of"].isna()]
    return tuple(
        Figure.model_validate(row)
        for row in rows[list(Figure.model_fields)].to_dict(orient="records")
    )


def judge(
    store: Store, policy: Policy, metrics: Metrics, audit: KeptAudit, base: KeptAudit | None
) -> Verdict:
    """Hold an audit (not kept yet) against its policy and its baseline.

    Args:
        metrics: of the audit.
    """
    now = {_key(row): row for row in audit.figures}
    past = {_key(row): row for row in base.figures} if base else {}
    comparison = _Comparison(store, audit, base, metrics) if base else None
    checks = []
    for rule in policy.rules:
        metric = metrics.by_rule_name[rule.metric]
        for key in _subjects(rule, metric, now):
            check = Check(*key[:3], metric.rule_name, rule, now[key].value, digits=metric.digits)
            if comparison is not None and key in past:
                change, basis = comparison.change(now[key], past[key])
                check = replace(check, before=past[key].value, change=change, basis=basis)
            checks.append(check)
    judged = _broken(checks, metrics, policy.level)
    return Verdict(base.when if base else None, judged, _notes(now, past))


def _broken(checks: list[Check], metrics: Metrics, level: float) -> list[Check]:
    """The checks with their corrected p-values, and what breaks."""
    changes = {
        index: _gain(metrics.by_rule_name[check.metric], check.change)
        for index, check in enumerate(checks)
        if check.change is not None
    }
    falls = {
        index: p_value(change, limit)
        for index, change in changes.items()
        if (limit := checks[index].rule.max_fall) is not None
    }
    corrected = dict(zip(falls, holm(list(falls.values())), strict=True))
    found = []
    for index, check in enumerate(checks):
        reasons = []
        metric, rule, p = metrics.by_rule_name[check.metric], check.rule, corrected.get(index)
        fell, beyond = (
            ("fell", "below the floor")
            if metric.higher_is_better
            else ("rose", "above the ceiling")
        )
        digits = metric.digits
        if p is not None and p <= level:
            change = changes[index]
            reasons.append(
                f"{fell} by {rounded(-change.value, digits)} {metric.points} "
                f"[{rounded(-change.high, digits)}, {rounded(-change.low, digits)}], "
                f"more than the limit of {rule.max_fall:g} (p = {p:.2g})"
            )
        if rule.floor is not None and _worse(metric, check.value, rule.floor):
            reasons.append(f"is {rounded(check.value, digits)}, {beyond} of {rule.floor:g}")
        found.append(replace(check, p=p, broken=" and ".join(reasons)))
    return found


def _gain(metric: Metric, change: Change) -> Change:
    """The change with a sign that is positive where the metric became better."""
    return change if metric.higher_is_better else change._replace(value=-change.value)


def _worse(metric: Metric, value: float, limit: float) -> bool:
    return value < limit if metric.higher_is_better else value > limit


class _Comparison:
    """Changes between two audits; each evaluation's outcomes are read once."""

    def __init__(self, store: Store, audit: KeptAudit, base: KeptAudit, metrics: Metrics) -> None:
        self._store, self._audit, self._base, self._metrics = store, audit, base, metrics
        self._now, self._past = ({_key(row): row for row in kept.figures} for kept in (audit, base))
        self._read: dict[tuple[str, ...], dict[str, pd.DataFrame] | None] = {}

    def change(self, now: Figure, past: Figure) -> tuple[Change | None, str]:
        """The change from `past` to `now`, of the same backbone, method, data set and metric."""
        after, before = (
            kept.evaluations.get(now.backbone, {}).get(now.method, ())
            for kept in (self._audit, self._base)
        )
        if after == before:
            return UNCHANGED, "unchanged"
        sets = [now.dataset]
        if now.dataset == ZEROSHOT_MEAN:
            sets = _datasets(self._now, now.metric)
            if sets != _datasets(self._past, now.metric):
                return None, "other sets"
        outcomes = self._outcomes(after), self._outcomes(before)
        found = [self._paired(name, now.metric, *outcomes) for name in sets]
        basis = "paired" if all(found) else "not paired"
        changes = [
            change or self._independent(_key(now.model_copy(update={"dataset": name})))
            for name, change in zip(sets, found, strict=True)
        ]
        return mean_change(changes), basis

    def _independent(self, key: Key) -> Change:
        past, now = self._past[key], self._now[key]
        if self._metrics[key[3]].unit == PERCENT:
            return independent((past.value, past.n), (now.value, now.n))
        intervals = (Interval(figure.value, figure.low, figure.high) for figure in (past, now))
        return between_intervals(*intervals)

    def _paired(
        self,
        dataset: str,
        metric: str,
        after: Mapping[str, pd.DataFrame] | None,
        before: Mapping[str, pd.DataFrame] | None,
    ) -> Change | None:
        """None unless both have outcomes on the same data."""
        same = self._audit.data[dataset] == self._base.data.get(dataset)
        if not same or after is None or before is None or dataset not in before:
            return None
        new, old = after[dataset], before[dataset]
        if metric not in old or len(old) != len(new):  # a tokenizer may leave other pairs out
            return None
        times = new[TIMES].to_numpy() if TIMES in new else None
        clusters = new[CLUSTER].to_numpy() if CLUSTER in new else None
        return paired(old[metric].to_numpy(), new[metric].to_numpy(), times, clusters)

    def _outcomes(self, names: tuple[str, ...]) -> dict[str, pd.DataFrame] | None:
        """By data set; None where an artifact of an old audit is gone."""
        if names not in self._read:
            try:
                self._read[names] = read_outcomes(self._store, names)
            except DamagedArtifactError:
                self._read[names] = None
        return self._read[names]


def _datasets(rows: Mapping[Key, Figure], metric: str) -> list[str]:
    """The zero-shot sets that have the metric, their mean aside."""
    return sorted({key[2] for key in rows if key[3] == metric} - {ZEROSHOT_MEAN})


def _subjects(rule: Rule, metric: Metric, now: Mapping[Key, Figure]) -> Iterator[Key]:
    """The figures that a rule is for."""
    wanted = rule.datasets
    if metric.data == "zero-shot" and not wanted:
        wanted = (ZEROSHOT_MEAN,)
    for key in now:
        backbone, method, dataset, found = key
        if (
            found == metric.name
            and (not rule.backbones or backbone in rule.backbones)
            and (not rule.methods or method in rule.methods)
            and (not wanted or dataset in wanted)
        ):
            yield key


def _notes(now: Mapping[Key, Figure], past: Mapping[Key, Figure]) -> tuple[str, ...]:
    """Backbones and methods that only one of two audits has."""
    notes = []
    for position, what in ((0, "backbone"), (1, "method")):
        new, old = ({key[: position + 1] for key in keys} for keys in (now, past))
        if past:
            shared = {key[0] for key in now} & {key[0] for key in past}
            for key, reason in [
                *((key, "is new and has no baseline") for key in sorted(new - old)),
                *((key, "is in the baseline only") for key in sorted(old - new)),
            ]:
                if position == 0 or key[0] in shared:
                    notes.append(f"{what} {', '.join(key)} {reason}")
    return tuple(notes)


def _key(row: Figure) -> Key:
    return row.backbone, row.method, row.dataset, row.metric
