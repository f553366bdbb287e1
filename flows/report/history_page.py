"""What was kept of an audit over time: a table, and a page that draws every backbone's metrics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
from rich.console import Console
from rich.table import Table

from flows.report.pages import write_page
from flows.report.plots import COLORS, interval, panels, plot_html, styled
from flows.results.wording import rounded
from storage.store.history import KeptAudit, written
from uwm.metrics.registry import BUILT_IN, ZEROSHOT_MEAN


def shown(audits: Sequence[KeptAudit]) -> dict[str, str]:
    """The metrics of a history: names and the labels of their columns.

    They are the headline ones that were measured, and every metric of the audits' own under its
    name: a kept audit does not say what its plugins call them.
    """
    names = dict.fromkeys(figure.metric for audit in audits for figure in audit.figures)
    headline = {name: label for name, label in BUILT_IN.headline.items() if name in names}
    return headline | {name: name for name in names if name not in BUILT_IN}


def timeline(audits: Sequence[KeptAudit]) -> pd.DataFrame:
    """The metrics of kept audits on the first benchmark and over zero-shot sets.

    Columns: when, backbone, method, metric (a label of `shown`), value, low, high.
    """
    columns = shown(audits)
    rows = []
    for audit in audits:
        pairs = next(
            figure.dataset for figure in audit.figures if figure.metric == BUILT_IN.entries[0].name
        )  # the first benchmark comes first in the results
        rows += [
            {
                "when": audit.when,
                "backbone": figure.backbone,
                "method": figure.method,
                "metric": columns[figure.metric],
                "value": figure.value,
                "low": figure.low,
                "high": figure.high,
            }
            for figure in audit.figures
            if figure.metric in columns and figure.dataset in (pairs, ZEROSHOT_MEAN)
        ]
    return pd.DataFrame(rows)


def print_history(console: Console, audits: Sequence[KeptAudit]) -> None:
    """A line per kept audit and backbone, unedited; then what broke the policy."""
    table = Table(title=f"audit {audits[0].name}: unedited backbones, percent")
    columns = shown(audits)
    for name in ("when", "verdict", "backbone"):
        table.add_column(name, no_wrap=True)
    for name in columns.values():
        table.add_column(name.replace(" ", "\n"), justify="right", no_wrap=True)
    lines = timeline(audits)
    for audit in audits:
        table.add_section()
        verdict: str = audit.verdict
        if verdict == "regressed":
            verdict = "regressed, accepted" if audit.accepted else "[red]regressed[/]"
        cells = [written(audit.when), verdict]
        own = lines[(lines["when"] == audit.when) & (lines["method"] == "original")]
        for backbone, part in own.groupby("backbone", sort=False):
            values = part.set_index("metric")["value"]
            figures = [
                rounded(values[label], _digits(name)) if label in values else "-"
                for name, label in columns.items()
            ]
            table.add_row(*cells, str(backbone), *figures)
            cells = ["", ""]
        if own.empty:
            table.add_row(*cells, "no method `original`")
    console.print(table)
    for audit in audits:
        for broken in audit.broken:
            console.print(f"{written(audit.when)}: {broken}", markup=False, highlight=False)


def write_history(path: Path, audits: Sequence[KeptAudit]) -> None:
    """Write the page: self-contained, a row of plots per backbone.

    Args:
        audits: of one name, oldest first, at least one.
    """
    lines = timeline(audits)
    backbones = list(dict.fromkeys(lines["backbone"]))
    write_page(
        path,
        "history",
        name=audits[0].name,
        audits=[(written(audit.when), audit) for audit in reversed(audits)],
        plots=[
            (backbone, plot_html(over_time(lines, backbone, audits), f"history-{index}"))
            for index, backbone in enumerate(backbones)
        ],
    )


def over_time(lines: pd.DataFrame, backbone: str, audits: Sequence[KeptAudit]) -> go.Figure:
    """One backbone's metrics over audits with their intervals, a panel each; regressions marked.

    Of the built-in metrics those that are followed over time, safety before knowledge; then the
    audits' own ones.
    """
    own = lines[lines["backbone"] == backbone]
    followed = [metric.label for metric in BUILT_IN if metric.over_time]
    followed += [label for name, label in shown(audits).items() if name not in BUILT_IN]
    metrics = [label for label in followed if (own["metric"] == label).any()]
    figure, places = panels(metrics, shared=False)
    methods = list(dict.fromkeys(lines["method"]))
    for metric, panel in zip(metrics, places, strict=True):
        for method, part in own[own["metric"] == metric].groupby("method", sort=False):
            panel.draw(
                go.Scatter(
                    x=part["when"],
                    y=part["value"],
                    error_y=interval(part["value"], part["low"], part["high"]),
                    name=str(method),
                    mode="lines+markers",
                    line={"color": COLORS[methods.index(str(method)) % len(COLORS)], "width": 1.5},
                )
            )
        for audit in audits:
            if audit.verdict == "regressed":
                panel.reference(x=audit.when.timestamp() * 1000, color="#b23b1e")
    return styled(figure, height=320)


def _digits(metric: str) -> int:
    """Decimals of a metric's values in the table; those of a metric of one's own may be small."""
    return BUILT_IN[metric].digits if metric in BUILT_IN else 3
