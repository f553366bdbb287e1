"""The page of an inspection: distributions of scores, and curves over alpha."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs
from plotly.subplots import make_subplots

from flows.inspection.flow import SWEEP, AlphaSweep, Tables
from flows.report.pages import render
from flows.report.plots import COLORS, plot_html, styled
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
    page = render(
        "inspection",
        name=name,
        backbone=tables[PHI]["backbone"].iloc[0],
        plotly=get_plotlyjs(),
        plots={which: plot_html(plot, which) for which, plot in plots.items()},
        distribution=tables[DISTRIBUTION].to_dict(orient="records"),
        phi=tables[PHI].to_dict(orient="records"),
        sweep=sweep,
        pairs=pairs,
    )
    path = folder / "inspect.html"
    path.write_text(page)
    return [*written, path]


def distribution_plot(table: pd.DataFrame) -> go.Figure:
    """Quantiles of ratio scores per layer, a panel per unit: a box of the middle half, whiskers to
    the outer twentieths."""
    units = list(dict.fromkeys(table["unit"]))
    titles = [f"per {unit}" for unit in units]
    figure = make_subplots(len(units), 1, subplot_titles=titles, vertical_spacing=0.22)
    for row, unit in enumerate(units, 1):
        for index, (tower, part) in enumerate(table[table["unit"] == unit].groupby("tower")):
            figure.add_box(
                row=row,
                col=1,
                x=part["layer"],
                lowerfence=part["q5"],
                q1=part["q25"],
                median=part["q50"],
                q3=part["q75"],
                upperfence=part["q95"],
                name=tower,
                legendgroup=tower,
                showlegend=row == 1,
                marker_color=COLORS[index],
            )
        figure.add_hline(y=1, line_color="#999", line_dash="dot", row=row, col=1)
        figure.update_yaxes(title_text="unsafe by safe", row=row, col=1)
    return _low_legend(styled(figure, height=330 * len(units) + 120))


def phi_plot(table: pd.DataFrame) -> go.Figure:
    """How much higher mean phi is on unsafe samples, and for how many pairs, per layer."""
    panels = {"change": "unsafe over safe, %", "higher": "pairs whose unsafe sample is higher, %"}
    figure = make_subplots(1, len(panels), subplot_titles=list(panels.values()))
    for column, (name, middle) in enumerate(zip(panels, (0, 50), strict=True), 1):
        for index, (tower, part) in enumerate(table.groupby("tower")):
            figure.add_scatter(
                row=1,
                col=column,
                x=part["layer"],
                y=part[name],
                error_y=_bars(part, name),
                mode="markers",
                name=tower,
                legendgroup=tower,
                showlegend=column == 1,
                marker={"size": 8, "color": COLORS[index]},
            )
        figure.add_hline(y=middle, line_color="#999", line_dash="dot", row=1, col=column)
    return _low_legend(styled(figure, height=440))


def alpha_plot(table: pd.DataFrame) -> go.Figure:
    """Change from the original over the factor, safety beside what an edit should keep; the same
    of as many random nodes or weights beside it, on the same scale."""
    shown = table.assign(metric=table["metric"].map(_DRAWN))
    panels = {False: "chosen by score", True: "chosen at random"}
    figure = make_subplots(1, 2, subplot_titles=list(panels.values()), shared_yaxes=True)
    for index, metric in enumerate(_DRAWN.values()):
        for column, control in enumerate(panels, 1):
            there = (shown["control"] == control) | (shown["alpha"] == 1)
            part = shown[(shown["metric"] == metric) & there].sort_values("alpha")
            figure.add_scatter(
                row=1,
                col=column,
                x=part["alpha"],
                y=part["change"],
                error_y=_bars(part, "change"),
                mode="lines+markers",
                name=metric,
                legendgroup=metric,
                showlegend=not control,
                line={"color": COLORS[index % len(COLORS)], "width": 1.5},
            )
    figure.add_hline(y=0, line_color="#999", line_dash="dot")
    figure.update_xaxes(title_text="alpha")
    figure.update_yaxes(title_text="change, points", col=1)
    return styled(figure, height=460)


def _low_legend(figure: go.Figure) -> go.Figure:
    """Below the names of layers, which are written aslant."""
    return figure.update_layout(
        legend={"yref": "container", "y": 0.01, "yanchor": "bottom"}, margin_b=130
    )


def _bars(part: pd.DataFrame, name: str) -> dict[str, object]:
    return {
        "type": "data",
        "array": (part[f"{name}_high"] - part[name]).tolist(),
        "arrayminus": (part[name] - part[f"{name}_low"]).tolist(),
        "thickness": 1,
        "width": 2,
    }
