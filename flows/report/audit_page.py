"""The report: one self-contained HTML page with the plots, the tables and how to read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs
from plotly.subplots import make_subplots

from flows.report.pages import render
from flows.report.plots import COLORS, plot_html, styled
from flows.results.files import versions
from flows.results.findings import left_out, not_audited
from flows.results.table import AuditResults, headline, zeroshot
from uwm.metrics.registry import Group, Metric, Metrics

_SYMBOLS = ("circle", "diamond", "square")
"""Of the first ten methods, the next ten and so on."""
_CONTROL = "#9aa3ad"


def write_report(path: Path, results: AuditResults, parts: Sequence[str] = ()) -> None:
    """Write the page; the same results give the same bytes.

    Args:
        parts: HTML of further sections.
    """
    benchmarks = [data.name for data in results.config.benchmarks]
    page = render(
        "audit",
        name=results.config.name,
        verdict=results.verdict,
        findings=results.findings,
        plotly=get_plotlyjs(),
        plots=[
            plot_html(trade_off(results), "trade-off"),
            plot_html(changes(results), "changes"),
        ],
        tables=[(name, table_cells(results, name)) for name in benchmarks],
        metrics=results.metrics,
        columns=list(results.metrics.headline.values()),
        zeroshot=zeroshot_cells(results),
        gaps=list(results.gaps.values()),
        backbones=results.backbones,
        not_audited=not_audited(results),
        choices=results.choices,
        settings=results.settings,
        left_out=left_out(results),
        parts=parts,
        warnings=results.warnings,
        rows=results.whole,
        max_loss=results.config.choice.max_loss,
        resamples=results.config.resamples,
        versions=versions(),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page)


def trade_off(results: AuditResults) -> go.Figure:
    """Safety of unsafe queries against knowledge, one panel per backbone, one point per method."""
    table = headline(results)
    backbones, places = results.backbones, _places(table)
    safety, knowledge = _goals(results.metrics, "safety"), _goals(results.metrics, "knowledge")
    figure = make_subplots(1, len(backbones), subplot_titles=backbones, shared_yaxes=True)
    for column, backbone in enumerate(backbones, 1):
        for method, part in _methods(table, backbone):
            values = part.set_index("metric")
            known = [metric for metric in knowledge if metric in values.index]
            x, y = values.loc[known], values.loc[safety]
            figure.add_scatter(
                row=1,
                col=column,
                x=[x["value"].mean()],
                y=[y["value"].mean()],
                error_x=_error(x),
                error_y=_error(y),
                showlegend=places[method][1] == backbone,
                **_points(method, places[method][0], bool(part["control"].iloc[0]), size=12),
            )
        figure.update_xaxes(title_text="knowledge kept, %", row=1, col=column)
    figure.update_yaxes(title_text="safe answers to unsafe queries, %", row=1, col=1)
    return styled(figure, height=420)


def changes(results: AuditResults) -> go.Figure:
    """Change from the original per metric with its 95 % interval, one panel per backbone."""
    table = headline(results)
    places = _places(table)
    table = table[table["method"] != "original"]
    metrics = [metric.label for metric in results.metrics.changed]
    backbones = results.backbones
    figure = make_subplots(1, len(backbones), subplot_titles=backbones, shared_yaxes=True)
    for column, backbone in enumerate(backbones, 1):
        for method, part in _methods(table, backbone):
            index = places[method][0]
            part = part.set_index("metric").reindex(metrics).dropna(subset=["change"])
            figure.add_scatter(
                row=1,
                col=column,
                x=part["change"],
                y=[metrics.index(metric) + 0.11 * (index - 3) for metric in part.index],
                error_x=_error(part, "change", spread=False),
                showlegend=places[method][1] == backbone,
                **_points(method, places[method][0], bool(part["control"].iloc[0]), size=8),
            )
        figure.add_vline(x=0, line_color="#bbb", row=1, col=column)
        figure.update_xaxes(title_text="change, points", row=1, col=column)
    ticks = list(range(len(metrics)))
    figure.update_yaxes(tickvals=ticks, ticktext=metrics, range=[len(metrics) - 0.5, -0.5])
    return styled(figure, height=520)


def _goals(metrics: Metrics, group: Group) -> list[str]:
    """Labels of the metrics whose mean stands for a group."""
    return [metric.label for metric in metrics.goals(group)]


def table_cells(results: AuditResults, benchmark: str) -> list[dict[str, Any]]:
    """Rows of a benchmark's table: backbone, method and a cell per headline metric.

    A cell has `value`, `low`, `high`, the `digits` to show of them, and `sign`: + or - where the
    original became better or worse by a change beyond its interval, else empty.
    """
    return _table(results, headline(results, benchmark))


def zeroshot_cells(results: AuditResults) -> list[dict[str, Any]]:
    """As `table_cells`, a cell per zero-shot set: top-1, and `per_class`, its mean over classes."""
    accuracy, per_class = (metric.name for metric in results.metrics.of(data="zero-shot"))
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
            control = bool(part["control"].iloc[0])
            rows.append({"backbone": backbone, "method": method, "control": control, **cells})
    return rows


def _cell(row: pd.Series, metric: Metric) -> dict[str, Any]:
    better, worse = "+-" if metric.higher_is_better else "-+"
    sign = better if row["change_low"] > 0 else worse if row["change_high"] < 0 else ""
    sign = "" if row["control"] else sign  # a spread over seeds is no interval
    figures = {name: row[name] for name in ("value", "low", "high")}
    return {**figures, "digits": metric.digits, "sign": sign}


def _methods(table: pd.DataFrame, backbone: str) -> list[tuple[str, pd.DataFrame]]:
    """A backbone's methods in the order of the audit."""
    part = table[table["backbone"] == backbone]
    return [(str(method), rows) for method, rows in part.groupby("method", sort=False)]


def _places(table: pd.DataFrame) -> dict[str, tuple[int, str]]:
    """Each method's number, alike in every panel, and the first backbone that has it."""
    first = table.drop_duplicates("method")[["method", "backbone"]].to_numpy().tolist()
    return {method: (number, backbone) for number, (method, backbone) in enumerate(first)}


def _error(part: pd.DataFrame, column: str = "value", *, spread: bool = True) -> dict[str, Any]:
    """Error bars: a column's interval, or of the mean of several the widest metric's."""
    low, high = ("low", "high") if column == "value" else (f"{column}_low", f"{column}_high")
    above, below = part[high] - part[column], part[column] - part[low]
    if spread:
        above, below = pd.Series([above.max()]), pd.Series([below.max()])
    return {
        "type": "data",
        "array": above.tolist(),
        "arrayminus": below.tolist(),
        "thickness": 1,
        "width": 2,
    }


def _points(method: str, index: int, control: bool, size: int) -> dict[str, Any]:
    """How a method's points look, in every plot alike; a control is a grey cross."""
    color = _CONTROL if control else COLORS[index % len(COLORS)]
    symbol = "x-thin-open" if control else _SYMBOLS[index // len(COLORS) % len(_SYMBOLS)]
    return {
        "name": method,
        "legendgroup": method,
        "mode": "markers",
        "marker": {"size": size, "symbol": symbol, "color": color},
    }
