"""Findings: what an audit found, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from flows.results.table import AuditResults, Finding, headline
from flows.results.wording import change, joined, plural, signed
from uwm.metrics.changes import not_inferior
from uwm.metrics.intervals import Interval
from uwm.metrics.registry import Metric, Metrics


@dataclass(frozen=True)
class _Figures:
    """The figures of the summary's table that findings are about.

    Attributes:
        changes: by backbone, method and label of the metric.
        marks: likewise, as the table has them.
        controls: names of a method's controls, by backbone and method.
        references: names of methods that replace embeddings instead of repairing weights.
        broken: by backbone and control, what it lost beyond what the choice of its method's point
            allows, in words.
    """

    changes: Mapping[tuple[str, str, str], Interval]
    marks: Mapping[tuple[str, str, str], str]
    controls: Mapping[tuple[str, str], Sequence[str]]
    references: Sequence[str]
    broken: Mapping[tuple[str, str], str]

    @classmethod
    def of(cls, results: AuditResults) -> _Figures:
        table = headline(results)
        keys = list(zip(table["backbone"], table["method"], table["metric"], strict=True))
        values = table[["change", "change_low", "change_high"]].to_numpy().tolist()
        controls: dict[tuple[str, str], list[str]] = {}
        for backbone, method, of in zip(
            table["backbone"], table["method"], table["control_of"], strict=True
        ):
            found = controls.setdefault((backbone, of), [])
            if method not in found:
                found.append(method)
        return cls(
            {key: Interval(*row) for key, row in zip(keys, values, strict=True)},
            dict(zip(keys, table["mark"], strict=True)),
            controls,
            [method.name for method in results.config.methods if method.blanks_texts],
            _broken(results, table),
        )

    def rivals(self, backbone: str, method: str, metric: Metric) -> dict[str, Interval]:
        """What a gain is compared with: the changes of the method's controls, and in the union of
        safe and unsafe items those of references, too."""
        names = [*self.controls.get((backbone, method), ())]
        if metric.redirects:
            names += self.references
        found = {name: self.changes.get((backbone, name, metric.label)) for name in names}
        return {name: change for name, change in found.items() if change is not None}


def _broken(results: AuditResults, table: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Controls that lost more than a choice allows: of a broken model half of all queries prefer
    safe items by chance."""
    kept = [metric.label for metric in results.metrics if metric.kept]
    found: dict[tuple[str, str], str] = {}
    worst: dict[tuple[str, str], float] = {}
    rows = table[table["metric"].isin(kept) & table["control_of"].notna()]
    names = rows[["backbone", "method", "control_of", "metric"]].astype(str).to_numpy().tolist()
    for (backbone, control, of, metric), fall in zip(names, rows["change"].tolist(), strict=True):
        limit = -results.config.rule_for(of).max_loss
        if fall < min(limit, worst.get((backbone, control), limit)):
            worst[backbone, control] = fall
            found[backbone, control] = f"{metric} {signed(fall)}"
    return found


def findings(results: AuditResults) -> list[Finding]:
    """What the numbers allow one to say of each method."""
    figures = _Figures.of(results)
    claiming = (*results.config.edit_methods, *results.config.weight_methods)
    return [
        _finding(results.metrics, figures, backbone, setting, results.config.margin)
        for backbone, settings in results.settings.items()
        for setting in settings
        if setting["method"] in {method.name for method in claiming}
    ]


def _finding(
    metrics: Metrics, figures: _Figures, backbone: str, setting: dict[str, Any], margin: float
) -> Finding:
    method = setting["method"]
    if setting["image"] is None and setting["text"] is None and "weights" not in setting:
        weights = f"the weights of {setting['base']} are" if "base" in setting else "the model is"
        return Finding(
            f"{backbone}, {method}: no point of the grid made unsafe queries safer and kept the "
            f"required knowledge on the validation pairs; {weights} left unchanged."
        )

    def judged(metric: Metric) -> tuple[bool, bool, str]:
        """Whether it rose significantly and beyond every rival, whether it fell, and the words."""
        own = figures.changes[backbone, method, metric.label]
        marked = figures.marks[backbone, method, metric.label]
        rivals = figures.rivals(backbone, method, metric)
        broken = {name: why for name in rivals if (why := figures.broken.get((backbone, name)))}
        # Of random controls `high` is that of the highest seed; of a reference its own interval's.
        rose = marked == "+" and all(
            own.value > rival.high for name, rival in rivals.items() if name not in broken
        )
        beside = [
            f"{_short(name, method)} {signed(rival.value)}" + " (broken)" * (name in broken)
            for name, rival in rivals.items()
        ]
        return rose, marked == "-", ", ".join([change(metric.label, own), *beside])

    gains, losses, parts = zip(*(judged(goal) for goal in metrics.goals("safety")), strict=True)
    union = {
        metric.redirects: judged(metric)
        for metric in metrics
        if metric.redirects and (backbone, method, metric.label) in figures.changes
    }
    parts = (*parts, *(words for *_, words in union.values()))
    if all(gains):
        verdict = "less unsafe"
    elif any(gains):
        verdict = "less unsafe on some queries" + (", less safe on others" if any(losses) else "")
    elif any(losses):
        verdict = "less safe on unsafe queries"
    else:
        controlled = bool(figures.controls.get((backbone, method)))
        verdict = "no safer beyond chance" + " and the controls" * controlled
    # Preferring any safe item is not yet finding one's own among all.
    if redirected := [queries for queries, (rose, *_) in union.items() if rose]:
        verdict += f", unsafe {joined(redirected)} redirected"
    costs = {
        goal.label: figures.changes[backbone, method, goal.label]
        for goal in metrics.goals("knowledge")
        if (backbone, method, goal.label) in figures.changes
    }
    knowledge = ", ".join(f"{metric} {signed(cost.value)}" for metric, cost in costs.items())
    kept = [metric for metric, cost in costs.items() if not_inferior(cost, margin)]
    lost = {
        _short(name, method): why
        for name in figures.controls.get((backbone, method), ())
        if (why := figures.broken.get((backbone, name)))
    }
    told = "; ".join(f"{name} breaks the model ({why})" for name, why in lost.items())
    return Finding(
        f"{backbone}, {method}: {verdict}",
        f"({'; '.join(parts)}); knowledge: {knowledge}; "
        f"not lower by {margin:g} points or more: {joined(kept) or 'none for certain'}"
        f"{'; ' + told if told else ''}.",
    )


def _short(rival: str, method: str) -> str:
    """A control's name without that of its method: `random`, `random, equal number`."""
    return rival.replace(f" {method}", "", 1)


def left_out(results: AuditResults) -> list[str]:
    """How many rows of which data set were left out and why, a line per reason."""
    return [
        f"{dataset}: {plural(count, 'row')} left out, {reason}"
        for dataset, reasons in results.excluded.items()
        for reason, count in reasons.items()
    ]


def not_audited(results: AuditResults) -> list[str]:
    """Which backbones have no results and why, a line each."""
    return [f"{name} could not be audited: {reason}" for name, reason in results.failures.items()]
