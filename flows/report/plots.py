"""What every plot looks like: panels that share a legend, error bars, colours, and its HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.basedatatypes import BaseTraceType
from plotly.subplots import make_subplots

from flows.report.pages import NONCE

COLORS = (
    *("#4c5f7a", "#c4572e", "#d99a2b", "#1f7a5c", "#7b4fa3"),
    *("#2b83ba", "#d16ba5", "#8c564b", "#8a8f2a", "#17a2a8"),
)
SYMBOLS = ("circle", "diamond", "square")
"""Of the first ten names of a legend, the next ten and so on."""
CONTROL = "#9aa3ad"
REFERENCE = "#999"
"""The colours of random edits, and of lines that mark no change."""


@dataclass(frozen=True)
class Panel:
    """One panel of a figure. What several panels draw under one name is one entry of the legend.

    Attributes:
        named: the names that the figure's legend already has; all its panels share the set.
    """

    figure: go.Figure
    row: int
    column: int
    named: set[str] = field(default_factory=set)

    def draw(self, trace: BaseTraceType, *, legend: bool = True) -> None:
        """Add a trace. Its name joins the legend unless another panel has brought it there."""
        new = legend and trace.name not in self.named
        trace.update(legendgroup=trace.legendgroup or trace.name, showlegend=new)
        if new:
            self.named.add(trace.name)
        self.figure.add_trace(trace, row=self.row, col=self.column)

    def axes(
        self, x: str | dict[str, Any] | None = None, y: str | dict[str, Any] | None = None
    ) -> None:
        """Title the axes, or set what plotly calls their properties."""
        place = {"row": self.row, "col": self.column}
        for axis, update in ((x, self.figure.update_xaxes), (y, self.figure.update_yaxes)):
            if axis is not None:
                update(**({"title_text": axis} if isinstance(axis, str) else axis), **place)

    def reference(self, *, x: float | None = None, y: float | None = None, **line: Any) -> None:
        """A line across the panel at `x` or `y`, grey and dotted unless `line` says otherwise."""
        drawn = {"color": REFERENCE, "dash": "dot", "width": 1} | line
        place = {"row": self.row, "col": self.column}
        if x is not None:
            self.figure.add_vline(x, line=drawn, **place)
        if y is not None:
            self.figure.add_hline(y, line=drawn, **place)


def panels(
    titles: Sequence[str], *, stacked: bool = False, shared: bool = True, **layout: Any
) -> tuple[go.Figure, list[Panel]]:
    """A figure of a panel per title.

    Args:
        stacked: one below the other, not side by side.
        shared: all panels have one y axis, or one x axis where they are stacked.
        layout: further arguments of plotly's `make_subplots`.
    """
    rows, columns = (len(titles), 1) if stacked else (1, len(titles))
    figure = make_subplots(
        rows,
        columns,
        subplot_titles=list(titles),
        shared_yaxes=shared and not stacked,
        shared_xaxes=shared and stacked,
        **layout,
    )
    named: set[str] = set()
    places = [(row, column) for row in range(1, rows + 1) for column in range(1, columns + 1)]
    return figure, [Panel(figure, row, column, named) for row, column in places]


def interval(value: pd.Series, low: pd.Series, high: pd.Series) -> dict[str, Any]:
    """Error bars from `low` to `high` around `value`."""
    return {
        "type": "data",
        "array": (high - value).tolist(),
        "arrayminus": (value - low).tolist(),
        "thickness": 1,
        "width": 2,
    }


def offset(index: int, count: int) -> float:
    """Where the marker of one of `count` methods stands beside its row of a plot, in rows.

    All markers of a row lie within 0.4 rows of it, so that each is nearest to its own; few stand
    closer, so that rows stay apart.
    """
    step = min(0.15, 0.8 / (count - 1)) if count > 1 else 0.0
    return step * (index - (count - 1) / 2)


def marker(index: int, size: int, *, control: bool = False) -> dict[str, Any]:
    """The marker of a legend's name number `index`, alike in every plot; a control's is a grey
    cross."""
    if control:
        return {"size": size, "symbol": "x-thin-open", "color": CONTROL}
    symbol = SYMBOLS[index // len(COLORS) % len(SYMBOLS)]
    return {"size": size, "symbol": symbol, "color": COLORS[index % len(COLORS)]}


def styled(figure: go.Figure, height: int) -> go.Figure:
    """The look of every plot; `height` in pixels."""
    return figure.update_layout(
        template="plotly_white",
        height=height,
        margin={"l": 70, "r": 20, "t": 60, "b": 60},
        legend={"orientation": "h", "y": -0.2},
        font={"family": "system-ui, sans-serif", "size": 13},
    )


def plot_html(figure: go.Figure, name: str) -> str:
    """A plot as a `div` with this id, for a page that holds plotly."""
    html: str = figure.to_html(
        full_html=False, include_plotlyjs=False, div_id=name, config={"displaylogo": False}
    )
    return html.replace("<script", f'<script nonce="{NONCE}"')
