"""What every plot looks like, and how it gets into a page."""

from __future__ import annotations

import plotly.graph_objects as go

COLORS = (
    *("#4c5f7a", "#c4572e", "#d99a2b", "#1f7a5c", "#7b4fa3"),
    *("#2b83ba", "#d16ba5", "#8c564b", "#8a8f2a", "#17a2a8"),
)


def styled(figure: go.Figure, height: int) -> go.Figure:
    """The look of every plot."""
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
    return html
