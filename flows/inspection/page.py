"""The page of an inspection: distributions of scores, and curves over alpha."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import plotly.graph_objects as go

from flows.inspection.flow import SWEEP, AlphaSweep, Tables
from flows.report.pages import write_page
from flows.report.plots import COLORS, interval, panels, plot_html, styled
from tasks.inspect import DISTRIBUTION, PHI
from uwm.metrics.registry import BUILT_IN

_DRAWN = {metric.name: metric.label for metric in BUILT_IN.changed if metric.data == "pairs"}
"""What an edit of one layer may change: names and labels."""


def write_inspection(
    folder: Path, name: str, pairs: str, tables: Tables, sweep: AlphaSweep | None
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
        **({"alphas": alpha_plot(tables[SWEEP])} if SWEEP in tables else {}),
    }
    path = folder / "inspect.html"
    write_page(
        path,
        "inspection",
        name=name,
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


def alpha_plot(table: pd.DataFrame) -> go.Figure:
    """Change from the original over the factor, safety beside what an edit should keep; the same
    of as many random nodes or weights beside it, on the same scale."""
    shown = table.assign(metric=table["metric"].map(_DRAWN))
    figure, places = panels(["chosen by score", "chosen at random"])
    for index, metric in enumerate(_DRAWN.values()):
        for control, panel in zip((False, True), places, strict=True):
            own = (shown["control"] == control) | (shown["alpha"] == 1)
            part = shown[(shown["metric"] == metric) & own].sort_values("alpha")
            panel.draw(
                go.Scatter(
                    x=part["alpha"],
                    y=part["change"],
                    error_y=interval(part["change"], part["change_low"], part["change_high"]),
                    mode="lines+markers",
                    name=metric,
                    line={"color": COLORS[index % len(COLORS)], "width": 1.5},
                )
            )
    for panel in places:
        panel.reference(y=0)
        panel.axes(x="alpha")
    places[0].axes(y="change, points")
    return styled(figure, height=460)


def _low_legend(figure: go.Figure) -> go.Figure:
    """Put the legend below the layers' names, which plotly may rotate."""
    return figure.update_layout(
        legend={"yref": "container", "y": 0.01, "yanchor": "bottom"}, margin_b=130
    )
