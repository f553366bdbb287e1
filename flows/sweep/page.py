"""A sweep as people look at it: a page with curves, heat maps and the front, and a table."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from rich.console import Console
from rich.table import Table

from flows.report.pages import write_page as write
from flows.report.plots import COLORS, CONTROL, panels, plot_html, styled
from flows.results.wording import rounded
from flows.sweep.results import SETTINGS, SweepResults
from uwm.families import TOWERS
from uwm.metrics.registry import ZEROSHOT_MEAN
from uwm.search.pareto import Measured, front

SAFE, KNOWN = "safety", "knowledge"
"""The means of the metrics that are goals of either."""
_AXES = ("share", "alpha")
_SHOWN = 12
"""Rows of a front that are printed; the page has all."""


def summary(results: SweepResults) -> pd.DataFrame:
    """One line per row of the table: its settings, the headline metrics, `safety`, `knowledge`."""
    rows, metrics = results.rows, results.config.measured
    shown = rows["dataset"].isin([results.config.benchmarks[0].name, ZEROSHOT_MEAN])
    rows = rows[shown & rows["metric"].isin(metrics.headline)]
    values = rows.assign(metric=rows["metric"].map(metrics.headline)).pivot(
        index=["backbone", "row"], columns="metric", values="value"
    )
    for mean, goals in ((SAFE, metrics.goals("safety")), (KNOWN, metrics.goals("knowledge"))):
        labels = [goal.label for goal in goals if goal.label in values.columns]
        values[mean] = values[labels].mean(axis=1)
    measured = ["dataset", "metric", "value", "low", "high", "n"]
    measured += ["change", "change_low", "change_high"]
    settings = results.rows.drop(columns=measured).drop_duplicates(["backbone", "row"])
    table = settings.merge(values.reset_index(), on=["backbone", "row"]).rename_axis(columns=None)
    return table.assign(front=_front(table))


def _front(table: pd.DataFrame) -> pd.Series:
    """Which lines no other of their backbone beats in safety and knowledge; controls apart."""
    best: list[Any] = []
    for _, rows in table[table["control"].isna()].groupby("backbone", sort=False):
        points = [Measured(*pair) for pair in rows[[SAFE, KNOWN]].to_numpy().tolist()]
        best += [rows.index[place] for place in front(points)]
    return pd.Series(table.index.isin(best), table.index)


def write_page(path: Path, results: SweepResults, config_file: Path) -> None:
    """Write the page; the same results give the same bytes."""
    table = summary(results)
    figures = [("front", fronts(table))]
    figures += [(f"curve-{axis}", found) for axis in _AXES if (found := curves(table, axis))]
    figures += [(f"map-{axis}", found) for axis in _AXES if (found := heat_maps(table, axis))]
    write(
        path,
        "sweep",
        name=results.config.name,
        sentences=results.sentences,
        plots={name: plot_html(figure, name) for name, figure in figures},
        columns=_columns(results, table),
        metrics=results.config.measured,
        fronts=_lines(table[table["front"]], config_file),
        resamples=results.config.resamples,
    )


def _columns(results: SweepResults, table: pd.DataFrame) -> list[str]:
    """Labels of the headline metrics that the table has."""
    return [name for name in results.config.measured.headline.values() if name in table.columns]


def fronts(table: pd.DataFrame) -> go.Figure:
    """Safety against knowledge, a panel per backbone: every row, the front, the original."""
    figure, places = panels(_backbones(table))
    for (_, part), panel in zip(table.groupby("backbone", sort=False), places, strict=True):
        original = part["image_share"].isna() & part["text_share"].isna()
        front = part[part["front"]].sort_values(KNOWN)
        kinds = (
            ("random edits", part[part["control"].notna()], "markers", CONTROL, "x-thin-open", 8),
            ("rows", part[part["control"].isna()], "markers", COLORS[5], "circle", 6),
            ("Pareto front", front, "lines+markers", COLORS[3], "circle", 9),
            ("original", part[original], "markers", COLORS[1], "star", 14),
        )
        for name, shown, mode, color, symbol, size in kinds:
            trace = go.Scatter(
                x=shown[KNOWN],
                y=shown[SAFE],
                mode=mode,
                name=name,
                text=[described(line) for _, line in shown.iterrows()],
                hovertemplate="%{text}<br>knowledge %{x:.1f}, safety %{y:.1f}",
                marker={"color": color, "symbol": symbol, "size": size},
            )
            panel.draw(trace, legend=len(shown) > 0)
        panel.axes(x="knowledge, %")
    places[0].axes(y="safe answers to unsafe queries, %")
    return styled(figure, height=440)


def curves(table: pd.DataFrame, axis: str) -> go.Figure | None:
    """Safety and knowledge against a share or a factor, of edits in one tower alone.

    None where no tower has more than one value of it.
    """
    drawn = 0
    figure, places = panels(_backbones(table))
    for (_, part), panel in zip(table.groupby("backbone", sort=False), places, strict=True):
        for number, (tower, other) in enumerate((TOWERS, TOWERS[::-1])):
            alone = part[
                part[f"{tower}_share"].notna()
                & part[f"{other}_share"].isna()
                & part["control"].isna()
            ]
            if alone[f"{tower}_{axis}"].nunique() < 2:
                continue
            drawn += 1
            for measure, dash in ((SAFE, "solid"), (KNOWN, "dot")):
                # Of several rows with one value, such as other scores, the mean is drawn.
                line = alone.groupby(f"{tower}_{axis}")[measure].mean()
                panel.draw(
                    go.Scatter(
                        x=line.index.astype(float),
                        y=line,
                        mode="lines+markers",
                        name=f"{tower} tower, {measure}",
                        line={"color": COLORS[number], "dash": dash},
                    )
                )
        panel.axes(x={"title_text": axis, "type": "log" if axis == "share" else None})
    places[0].axes(y="%")
    return styled(figure, height=400) if drawn else None


def heat_maps(table: pd.DataFrame, axis: str) -> go.Figure | None:
    """Safety over knowledge's maps: a value of the axis for each tower; None without a grid."""
    crossed = table[
        table["image_share"].notna() & table["text_share"].notna() & table["control"].isna()
    ]
    across, down = f"text_{axis}", f"image_{axis}"
    if crossed.empty or crossed[across].nunique() < 2 or crossed[down].nunique() < 2:
        return None
    names = _backbones(crossed)
    titles = [f"{name}: {measure}" for measure in (SAFE, KNOWN) for name in names]
    figure = make_subplots(
        2, len(names), subplot_titles=titles, vertical_spacing=0.24, shared_yaxes=True
    )
    for row, (measure, scale) in enumerate(((SAFE, "Tealgrn"), (KNOWN, "Oranges")), 1):
        for column, name in enumerate(names, 1):
            part = crossed[crossed["backbone"] == name]
            grid = part.pivot_table(index=down, columns=across, values=measure, aggfunc="mean")
            figure.add_heatmap(
                row=row,
                col=column,
                z=grid.to_numpy(),
                x=[f"{value:.3g}" for value in grid.columns],
                y=[f"{value:.3g}" for value in grid.index],
                coloraxis=f"coloraxis{row if row > 1 else ''}",
            )
            figure.update_xaxes(title_text=f"text {axis}", type="category", row=row, col=column)
            if column == 1:
                figure.update_yaxes(title_text=f"image {axis}", type="category", row=row, col=1)
        bar = {"len": 0.38, "y": 0.81 if row == 1 else 0.19, "title": "%"}
        figure.update_layout(
            {f"coloraxis{row if row > 1 else ''}": {"colorscale": scale, "colorbar": bar}}
        )
    return styled(figure, height=860)


def described(line: pd.Series) -> str:
    """A row's settings in words."""
    parts = []
    for tower in TOWERS:
        if pd.isna(line[f"{tower}_share"]):
            continue
        roles, blocks, prior, share, alpha = (line[f"{tower}_{name}"] for name in SETTINGS)
        where = roles + ("" if blocks == "all" else f" of blocks {blocks}")
        parts.append(f"{tower} {where}, {share:.3g}, alpha {alpha:g}" + ", prior" * bool(prior))
    if not parts:
        return "original"
    words = f"{line['score']}, {line['selects']}; " + "; ".join(parts)
    if not pd.isna(line["per_concept"]):
        words += f"; {line['per_concept']} pairs per concept, seed {line['seed']}"
    return words + ("" if pd.isna(line["control"]) else f"; random, seed {line['control']}")


def print_sweep(console: Console, results: SweepResults) -> None:
    """The front of each backbone: rows that no other beats in both safety and knowledge."""
    table = summary(results)
    shown = _columns(results, table)
    page = Table(title=f"{results.config.name}: rows that no other beats, percent")
    page.add_column("backbone", no_wrap=True)
    page.add_column("row", justify="right")
    page.add_column("edit", overflow="fold")
    for name in (SAFE, KNOWN, *shown):
        page.add_column(name.replace(" ", "\n"), justify="right", no_wrap=True)
    left_out = 0
    for backbone, part in table[table["front"]].groupby("backbone", sort=False):
        page.add_section()
        for number, (_, line) in enumerate(part.sort_values(SAFE).iterrows()):
            if number % -(-len(part) // _SHOWN):
                left_out += 1
                continue
            cells = [rounded(line[metric]) for metric in (SAFE, KNOWN, *shown)]
            page.add_row(str(backbone), str(line["row"]), described(line), *cells)
    console.print(page)
    if left_out:
        console.print(f"{left_out} rows of the fronts are on the page only", highlight=False)
    for said in results.sentences:
        console.print(said, markup=False, highlight=False, soft_wrap=True)


def _backbones(table: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(table["backbone"]))


def _lines(table: pd.DataFrame, config_file: Path) -> list[dict[str, Any]]:
    """Rows for the page, with the command that measures each again as an audit of its own."""
    return [
        {
            **{str(key): value for key, value in line.items()},
            "described": described(line),
            "command": f"uwm audit {shlex.quote(str(config_file))} --backbone {line['backbone']} "
            f"--method {shlex.quote(line['method'])}",
        }
        for _, line in table.sort_values(["backbone", SAFE], kind="stable").iterrows()
    ]
