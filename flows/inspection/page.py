"""The page of an inspection: distributions of scores, and curves over alpha."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import plotly.graph_objects as go

from flows.inspection.flow import SWEEP, AlphaSweep, Tables
from flows.report.pages import write_page
from flows.report.plots import COLORS, interval, panels, plot_html, styled
from tasks.inspect import DISTRIBUTION, PHI
from uwm.config import AuditConfig
from uwm.metrics.registry import BUILT_IN, Metric, Metrics


def write_inspection(
    folder: Path, config: AuditConfig, pairs: str, tables: Tables, sweep: AlphaSweep | None
) -> list[Path]:
    """Write a Parquet file per table and `inspect.html`; the same tables give the same bytes.

    Args:
        pairs: the name of what the sweep was measured on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / f"{table}.parquet" for table in tables]
    for path, table in zip(written, tables.values(), strict=True):
        table.to_parquet(path, index=False)
    plots = {
        "distribution": distribution_plot(tables[DISTRIBUTION]),
        "phi": phi_plot(tables[PHI]),
        **({"alphas": alpha_plot(tables[SWEEP], config.measured)} if SWEEP in tables else {}),
    }
    path = folder / "inspect.html"
    write_page(
        path,
        "inspection",
        name=config.name,
        backbone=tables[PHI]["backbone"].iloc[0],
        plots={which: plot_html(plot, which) for which, plot in plots.items()},
        distribution=tables[DISTRIBUTION].to_dict(orient="records"),
        phi=tables[PHI].to_dict(orient="records"),
        sweep=sweep,
        pairs=pairs,
    )
    return [*written, path]


def distribution_plot(table: pd.DataFrame) -> go.Figure:
    """Quantiles of ratio scores per layer, a panel per unit: a box of the middle half, whiskers to
    the 5th and the 95th percentile."""
    units = list(dict.fromkeys(table["unit"]))
    titles = [f"per {unit}" for unit in units]
    figure, places = panels(titles, stacked=True, shared=False, vertical_spacing=0.22)
    for unit, panel in zip(units, places, strict=True):
        for index, (tower, part) in enumerate(table[table["unit"] == unit].groupby("tower")):
            panel.draw(
                go.Box(
                    x=part["layer"],
                    lowerfence=part["q5"],
                    q1=part["q25"],
                    median=part["q50"],
                    q3=part["q75"],
                    upperfence=part["q95"],
                    name=str(tower),
                    marker_color=COLORS[index],
                )
            )
        panel.reference(y=1)
        panel.axes(y="unsafe / safe")
    return _low_legend(styled(figure, height=330 * len(units) + 120))


def phi_plot(table: pd.DataFrame) -> go.Figure:
    """How much higher mean phi is on unsafe samples, and for how many pairs, per layer."""
    titles = {"change": "unsafe over safe, %", "higher": "pairs whose unsafe sample is higher, %"}
    figure, places = panels(list(titles.values()), shared=False)
    for name, middle, panel in zip(titles, (0, 50), places, strict=True):
        for index, (tower, part) in enumerate(table.groupby("tower")):
            panel.draw(
                go.Scatter(
                    x=part["layer"],
                    y=part[name],
                    error_y=interval(part[name], part[f"{name}_low"], part[f"{name}_high"]),
                    mode="markers",
                    name=str(tower),
                    marker={"size": 8, "color": COLORS[index]},
                )
            )
        panel.reference(y=middle)
    return _low_legend(styled(figure, height=440))


def alpha_plot(table: pd.DataFrame, metrics: Metrics = BUILT_IN) -> go.Figure:
    """Change from the original over the factor, safety beside what an edit should keep; the same
    of as many random nodes or weights beside it, on the same scale. Metrics in another unit than
    percent have such a pair of panels of their own."""
    drawn = _drawn(metrics)
    units = list(dict.fromkeys(metric.points for metric in drawn))
    titles = ["chosen by score", "chosen at random"] * len(units)
    figure, places = panels(titles, shared=False)
    for index, metric in enumerate(drawn):
        first = 2 * units.index(metric.points)
        for control, panel in zip((False, True), places[first : first + 2], strict=True):
            own = (table["control"] == control) | (table["alpha"] == 1)
            part = table[(table["metric"] == metric.name) & own].sort_values("alpha")
            panel.draw(
                go.Scatter(
                    x=part["alpha"],
                    y=part["change"],
                    error_y=interval(part["change"], part["change_low"], part["change_high"]),
                    mode="lines+markers",
                    name=metric.label,
                    line={"color": COLORS[index % len(COLORS)], "width": 1.5},
                )
            )
    for panel in places:
        panel.reference(y=0)
        panel.axes(x="alpha")
    for first, unit in zip(range(0, len(places), 2), units, strict=True):
        places[first].axes(y=f"change, {unit}")
        places[first + 1].axes(y={"matches": f"y{first + 1}" if first else "y"})
    return styled(figure, height=460)


def _drawn(metrics: Metrics) -> list[Metric]:
    """What an edit of one layer may change: the built-in metrics that an edit shows in, and the
    audit's own ones."""
    return [
        metric
        for metric in metrics.of(data="pairs")
        if metric in metrics.changed or metric not in BUILT_IN.entries
    ]


def _low_legend(figure: go.Figure) -> go.Figure:
    """Put the legend below the layers' names, which plotly may rotate."""
    return figure.update_layout(
        legend={"yref": "container", "y": 0.01, "yanchor": "bottom"}, margin_b=130
    )
