"""The report: one self-contained HTML page with the plots, the tables and how to read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from flows.report.pages import write_page
from flows.report.plots import interval, marker, offset, panels, plot_html, styled
from flows.results.files import versions
from flows.results.findings import left_out, not_audited
from flows.results.table import AuditResults, columns, headline, zeroshot
from uwm.metrics.registry import Group, Metric, Metrics
from uwm.metrics.zeroshot import metric_names


def write_report(path: Path, results: AuditResults, parts: Sequence[str] = ()) -> None:
    """Write the page; the same results give the same bytes.

    Args:
        parts: HTML of further sections.
    """
    benchmarks = [data.name for data in results.config.benchmarks]
    write_page(
        path,
        "audit",
        name=results.config.name,
        verdict=results.verdict,
        findings=results.findings,
        plots=[
            plot_html(trade_off(results), "trade-off"),
            plot_html(changes(results), "changes"),
        ],
        tables=[(name, table_cells(results, name)) for name in benchmarks],
        metrics=results.metrics,
        columns=columns(results),
        zeroshot=zeroshot_cells(results, unsafe=False),
        unsafe_zeroshot=zeroshot_cells(results, unsafe=True),
        gaps=list(results.gaps.values()),
        backbones=results.backbones,
        not_audited=not_audited(results),
        choices=results.choices,
        settings=results.settings,
        left_out=left_out(results),
        parts=parts,
        warnings=results.warnings,
        rows=results.whole,
        rules=_rules(results),
        resamples=results.config.resamples,
        versions=versions(),
    )


def _rules(results: AuditResults) -> dict[str, dict[str, Any]]:
    """How each method's point is chosen: the labels of the goals, and the loss that is allowed."""
    metrics, found = results.metrics, {}
    for method in results.config.methods:
        rule = results.config.rule_for(method.name)
        goals = [metrics.by_rule_name[goal] for goal in rule.goals] or metrics.goals("safety")
        found[method.name] = {
            "goals": [goal.label for goal in goals],
            "max_loss": f"{rule.max_loss:g}",
        }
    return found


def trade_off(results: AuditResults) -> go.Figure:
    """Safety of unsafe queries against knowledge, one panel per backbone, one point per method."""
    table = headline(results)
    numbers = _numbers(table)
    safety, knowledge = _goals(results.metrics, "safety"), _goals(results.metrics, "knowledge")
    figure, places = panels(results.backbones)
    for backbone, panel in zip(results.backbones, places, strict=True):
        for method, part in _methods(table, backbone):
            values = part.set_index("metric")
            known = [metric for metric in knowledge if metric in values.index]
            x, y = values.loc[known], values.loc[safety]
            panel.draw(
                go.Scatter(
                    x=[x["value"].mean()],
                    y=[y["value"].mean()],
                    error_x=_widest(x),
                    error_y=_widest(y),
                    name=method,
                    mode="markers",
                    marker=marker(numbers[method], 12, control=bool(part["control_of"].iloc[0])),
                )
            )
        panel.axes(x="knowledge kept, %")
    places[0].axes(y="safe answers to unsafe queries, %")
    return styled(figure, height=420)


def changes(results: AuditResults) -> go.Figure:
    """Change from the original per metric with its 95 % interval, one panel per backbone.

    Metric number `i` is the row `y = i`; all markers of a metric are nearest to its own row.
    """
    table = headline(results)
    numbers = _numbers(table)
    table = table[table["method"] != "original"]
    places = list(dict.fromkeys(table["method"]))
    metrics = [metric.label for metric in results.metrics.changed]
    figure, drawn = panels(results.backbones)
    for backbone, panel in zip(results.backbones, drawn, strict=True):
        for method, part in _methods(table, backbone):
            control = bool(part["control_of"].iloc[0])
            part = part.set_index("metric").reindex(metrics).dropna(subset=["change"])
            beside = offset(places.index(method), len(places))
            panel.draw(
                go.Scatter(
                    x=part["change"],
                    y=[metrics.index(str(metric)) + beside for metric in part.index],
                    error_x=interval(part["change"], part["change_low"], part["change_high"]),
                    name=method,
                    mode="markers",
                    marker=marker(numbers[method], 8, control=control),
                )
            )
        panel.reference(x=0, dash="solid")
        panel.axes(x="change, points")
    ticks = list(range(len(metrics)))
    figure.update_yaxes(tickvals=ticks, ticktext=metrics, range=[len(metrics) - 0.5, -0.5])
    return styled(figure, height=max(520, 160 + len(metrics) * 9 * len(places)))


def _goals(metrics: Metrics, group: Group) -> list[str]:
    """Labels of the metrics whose mean stands for a group."""
    return [metric.label for metric in metrics.goals(group)]


def table_cells(results: AuditResults, benchmark: str) -> list[dict[str, Any]]:
    """Rows of a benchmark's table: backbone, method and a cell per headline metric.

    A cell has `value`, `low`, `high`, the `digits` to show of them, and as `sign` the mark that
    `flows.results.table.marked` gives the change from the original.
    """
    return _table(results, headline(results, benchmark))


def zeroshot_cells(results: AuditResults, *, unsafe: bool) -> list[dict[str, Any]]:
    """As `table_cells`, a cell per zero-shot set: top-1, and `per_class`, its mean over classes.

    Args:
        unsafe: whether of the sets of unsafe kinds, or of the others.
    """
    accuracy, per_class = metric_names(unsafe=unsafe)
    rows = _table(results, zeroshot(results, accuracy))
    means = _table(results, zeroshot(results, per_class))
    for row, mean in zip(rows, means, strict=True):
        for name in mean.keys() - {"backbone", "method", "control"}:
            row[name]["per_class"] = mean[name]["value"]
    return rows


def _table(results: AuditResults, table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = []
    labelled = {metric.label: metric for metric in results.metrics}
    usual = results.metrics.zeroshot  # of columns that are zero-shot sets
    for backbone in results.backbones:
        for method, part in _methods(table, backbone):
            cells = {
                row["metric"]: _cell(row, labelled.get(row["metric"], usual))
                for _, row in part.iterrows()
            }
            control = bool(part["control_of"].iloc[0])
            rows.append({"backbone": backbone, "method": method, "control": control, **cells})
    return rows


def _cell(row: pd.Series, metric: Metric) -> dict[str, Any]:
    figures = {name: row[name] for name in ("value", "low", "high")}
    return {**figures, "digits": metric.digits, "sign": row["mark"]}


def _methods(table: pd.DataFrame, backbone: str) -> list[tuple[str, pd.DataFrame]]:
    """A backbone's methods in the order of the audit."""
    part = table[table["backbone"] == backbone]
    return [(str(method), rows) for method, rows in part.groupby("method", sort=False)]


def _numbers(table: pd.DataFrame) -> dict[str, int]:
    """Each method's number, which fixes its colour and symbol in all plots."""
    return {str(method): number for number, method in enumerate(dict.fromkeys(table["method"]))}


def _widest(part: pd.DataFrame) -> dict[str, Any]:
    """Error bars of the mean of several metrics: the widest interval among them."""
    mean = part["value"].mean()
    low, high = (part["value"] - part["low"]).max(), (part["high"] - part["value"]).max()
    return interval(pd.Series([mean]), pd.Series([mean - low]), pd.Series([mean + high]))
