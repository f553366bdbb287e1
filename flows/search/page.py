"""The page of a search: fronts, test figures, and what each chosen point does to each layer."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from ruamel.yaml import YAML

from flows.report.audit_page import table_cells, trade_off
from flows.report.pages import write_page as write
from flows.report.plots import COLORS, panels, plot_html, styled
from flows.results.table import columns
from flows.search.backbone import Searched
from flows.search.first import DEFAULT, ORIGINAL, PROPOSED
from flows.search.results import SearchResults, point_document
from uwm.config.reserved import SEARCHED
from uwm.search.pareto import Measured

_TRIALS = {PROPOSED: "#b8c4d0", "uniform": "#d8cfae", "method": "#7b4fa3"}
_LABELS = {"method": "the audit's methods", "uniform": "one setting per tower"}
_MARKED = {ORIGINAL: ("#4c5f7a", "diamond"), DEFAULT: ("#c4572e", "diamond")}
_FRONT, _CHOSEN = "#1f7a5c", "#1f7a5c"


def write_page(path: Path, results: SearchResults) -> None:
    """Write the page; the same results give the same bytes."""
    backbones = list(results.found)
    write(
        path,
        "search",
        name=results.config.name,
        sentences=results.sentences,
        search=results.search,
        resamples=results.config.resamples,
        benchmark=results.test.benchmark,
        fronts=plot_html(fronts(results), "fronts"),
        test=plot_html(trade_off(_claimed(results)), "test"),
        layers={
            name: plot_html(layers(results.found[name]), f"layers-{number}")
            for number, name in enumerate(backbones)
        },
        rows=table_cells(results.test, results.test.benchmark),
        columns=columns(results.test),
        metrics=results.config.measured,
        found=results.found,
        written={name: _methods(part) for name, part in results.found.items()},
        gaps=list(results.test.gaps.values()),
    )


def fronts(results: SearchResults) -> go.Figure:
    """Every trial on the validation data, a panel per backbone: the front and the chosen points."""
    backbones = list(results.found)
    figure, places = panels(backbones, shared=False)
    for name, panel in zip(backbones, places, strict=True):
        searched = results.found[name]
        for trace in _traces(searched):
            panel.draw(trace)
        shown = [
            trial.value
            for trial in searched.trials
            if trial.value.knowledge >= results.search.floor * searched.trials[0].value.knowledge
        ]
        known, safe = ([getattr(value, name) for value in shown] for name in Measured._fields[::-1])
        panel.axes(
            x={"title_text": "knowledge, %", "range": _range(known)}, y={"range": _range(safe)}
        )
    places[0].axes(y="safety, %")
    return styled(figure, height=460)


def _traces(searched: Searched) -> Iterator[go.Scatter]:
    """One backbone's trials by their origin, the front, marked trials and chosen points."""
    for origin, color in _TRIALS.items():
        yield go.Scatter(
            **_at(searched, _of(searched, origin)),
            mode="markers",
            marker={"color": color, "size": 7},
            name=_LABELS.get(origin, origin),
        )
    yield go.Scatter(
        **_at(searched, searched.front),
        mode="lines",
        line={"color": _FRONT, "shape": "hv", "width": 1.5},
        name="Pareto front",
    )
    for origin, (color, symbol) in _MARKED.items():
        numbers = [i for i, trial in enumerate(searched.trials) if trial.origin == origin]
        yield go.Scatter(
            **_at(searched, numbers),
            mode="markers",
            marker={"color": color, "size": 13, "symbol": symbol},
            name=origin,
        )
    yield go.Scatter(
        **_at(searched, [item.trial for item in searched.chosen]),
        mode="markers+text",
        textposition="top left",
        name="chosen",
        text=[_label(searched, item.method.name) for item in searched.chosen],
        marker={"color": _CHOSEN, "size": 11, "symbol": "circle-open", "line": {"width": 2.5}},
    )


def layers(searched: Searched) -> go.Figure:
    """Share and factor of every layer that a pick edits, bars side by side per pick."""
    items = [item for item in searched.chosen if item.method.name in searched.picks.values()]
    names = sorted({name for item in items for name in item.method.settings})
    figure, places = panels(["", ""], stacked=True, vertical_spacing=0.08)
    for index, item in enumerate(items):
        values = [item.method.settings.get(name, (None, None)) for name in names]
        for position, panel in enumerate(places):
            panel.draw(
                go.Bar(
                    x=names,
                    y=[value[position] for value in values],
                    name=item.method.name,
                    marker_color=COLORS[(index + 1) % len(COLORS)],
                )
            )
    for panel, title in zip(places, ("share", "alpha"), strict=True):
        panel.axes(y=title)
    return styled(figure, height=420).update_layout(bargap=0.3, legend={"y": -0.35})


def _claimed(results: SearchResults) -> Any:
    """The test results without the audit's other methods."""
    rows = results.test.rows
    default = results.default.name
    own = rows["method"].isin([ORIGINAL, default]) | rows["method"].str.contains(SEARCHED)
    return replace(results.test, rows=rows[own])


def _of(searched: Searched, origin: str) -> list[int]:
    return [i for i, trial in enumerate(searched.trials) if trial.origin.startswith(origin)]


def _label(searched: Searched, name: str) -> str:
    """A pick's name; other points of the front have none in the plot."""
    return name.removeprefix(SEARCHED) if name in searched.picks.values() else ""


def _range(values: list[float]) -> list[float]:
    """An axis around values, with room for labels."""
    room = 0.08 * (max(values) - min(values)) + 0.5
    return [min(values) - room, max(values) + room]


def _at(searched: Searched, numbers: list[int]) -> dict[str, Any]:
    values = [searched.trials[number].value for number in numbers]
    return {
        "x": [value.knowledge for value in values],
        "y": [value.safety for value in values],
        "customdata": numbers,
        "hovertemplate": "trial %{customdata}: safety %{y:.1f}, knowledge %{x:.1f}",
    }


def _methods(searched: Searched) -> str:
    """The chosen points as YAML, for `methods:`."""
    yaml, text = YAML(), io.StringIO()
    yaml.default_flow_style = None
    yaml.dump([point_document(item.method) for item in searched.chosen], text)
    return text.getvalue()
