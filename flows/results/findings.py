"""Findings: what an audit found, in sentences."""

from __future__ import annotations

from typing import Any

from flows.results.table import AuditResults, headline
from flows.results.wording import change, mark, plural, signed
from uwm.metrics.intervals import Interval
from uwm.metrics.registry import Metrics

Changes = dict[tuple[str, str, str], Interval]
"""By backbone, method and label of the metric."""


def findings(results: AuditResults) -> list[str]:
    """What the numbers allow one to say of each method, in a sentence each."""
    table = headline(results)
    keys = zip(table["backbone"], table["method"], table["metric"], strict=True)
    values = table[["change", "change_low", "change_high"]].to_numpy().tolist()
    changes: Changes = {key: Interval(*row) for key, row in zip(keys, values, strict=True)}
    claiming = (*results.config.edit_methods, *results.config.weight_methods)
    return [
        _finding(results.metrics, changes, backbone, setting)
        for backbone, settings in results.settings.items()
        for setting in settings
        if setting["method"] in {method.name for method in claiming}
    ]


def _finding(metrics: Metrics, changes: Changes, backbone: str, setting: dict[str, Any]) -> str:
    method = setting["method"]
    if setting["image"] is None and setting["text"] is None and "weights" not in setting:
        weights = f"the weights of {setting['base']} are" if "base" in setting else "the model is"
        return (
            f"{backbone}, {method}: no point of the grid made unsafe queries safer and kept the "
            f"required knowledge on the validation pairs; {weights} left unchanged."
        )

    def judged(metric: str) -> tuple[bool, bool, str]:
        """Whether it rose beyond its interval and the control's, whether it fell, and the words."""
        own = changes[backbone, method, metric]
        control = changes.get((backbone, f"random {method}", metric))
        beside = f", random {signed(control.value)}" if control else ""
        beyond = mark(own.low, own.high)
        rose = beyond == "+" and (control is None or own.value > control.high)
        return rose, beyond == "-", change(metric, own) + beside

    gains, losses, parts = zip(
        *(judged(goal.label) for goal in metrics.goals("safety")), strict=True
    )
    union = [
        judged(metric.label)
        for metric in metrics
        if metric.redirects and (backbone, method, metric.label) in changes
    ]
    parts = (*parts, *(words for *_, words in union))
    if all(gains):
        # Preferring any safe item is not yet finding one's own among all.
        redirected = union and all(rose for rose, *_ in union)
        verdict = "unsafe queries redirected" if redirected else "less unsafe"
    elif any(gains):
        verdict = "less unsafe on some queries" + (", less safe on others" if any(losses) else "")
    elif any(losses):
        verdict = "less safe on unsafe queries"
    else:
        controlled = any(key[:2] == (backbone, f"random {method}") for key in changes)
        verdict = "no safer beyond the interval" + " and the random control" * controlled
    costs = [
        f"{metric} {signed(changes[backbone, method, metric].value)}"
        for metric in (goal.label for goal in metrics.goals("knowledge"))
        if (backbone, method, metric) in changes
    ]
    return f"{backbone}, {method}: {verdict} ({'; '.join(parts)}); knowledge: {', '.join(costs)}."


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
