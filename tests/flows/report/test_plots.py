"""What plots share: markers beside their rows, one legend for all panels, error bars."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import pytest

from flows.report.plots import COLORS, interval, marker, offset, panels


@pytest.mark.parametrize("count", range(1, 41))
def test_a_marker_is_nearest_to_its_own_row_whatever_the_number_of_methods(count: int) -> None:
    beside = [offset(index, count) for index in range(count)]
    assert max(map(abs, beside)) <= 0.4 + 1e-9
    assert beside == sorted(set(beside))
    for row in range(10):
        assert {round(row + shift) for shift in beside} == {row}


def test_a_name_is_in_the_legend_once_whichever_panel_brings_it() -> None:
    figure, (one, other) = panels(["a", "b"])
    one.draw(go.Scatter(name="x", y=[1]))
    for name in ("x", "y"):
        other.draw(go.Scatter(name=name, y=[1]))
    other.draw(go.Scatter(name="z", y=[1]), legend=False)
    shown = [trace.name for trace in figure.data if trace.showlegend]
    assert shown == ["x", "y"]
    assert all(trace.legendgroup == trace.name for trace in figure.data)


@pytest.mark.parametrize("stacked", [False, True])
def test_each_panel_stands_in_a_place_of_its_own(stacked: bool) -> None:
    figure, places = panels(["a", "b", "c"], stacked=stacked, shared=False)
    for panel in places:
        panel.draw(go.Scatter(name="x", y=[1]))
        panel.axes(x=f"{panel.row}, {panel.column}")
    assert len({(trace.xaxis, trace.yaxis) for trace in figure.data}) == 3
    assert len({figure.layout[f"xaxis{n}"].title.text for n in ("", "2", "3")}) == 3


def test_error_bars_end_at_the_interval() -> None:
    value, low, high = pd.Series([1.0, 2.0]), pd.Series([0.5, 1.0]), pd.Series([4.0, 2.5])
    bars = interval(value, low, high)
    assert [v + above for v, above in zip(value, bars["array"], strict=True)] == list(high)
    assert [v - below for v, below in zip(value, bars["arrayminus"], strict=True)] == list(low)


def test_thirty_methods_look_different_and_no_control_looks_like_one() -> None:
    looks = {(m["symbol"], m["color"]) for m in (marker(i, 8) for i in range(3 * len(COLORS)))}
    assert len(looks) == 3 * len(COLORS)
    control = marker(0, 8, control=True)
    assert (control["symbol"], control["color"]) not in looks
