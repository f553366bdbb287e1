"""How far a repair reaches, in the report: concept by concept, held-out concepts, other samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from flows.audit.drift import DRIFT
from flows.audit.held_out import HELD_OUT, held_out_benchmark
from flows.report.pages import render
from flows.report.plots import COLORS, interval, panels, plot_html, styled
from flows.results.table import AuditResults
from uwm.metrics.registry import BUILT_IN

SAFETY = tuple(metric.name for metric in BUILT_IN.goals("safety"))
FEW = 10
"""Pairs of a concept below which no change is marked."""


@dataclass(frozen=True)
class Change:
    """A change from the original, in points.

    Attributes:
        tested: whether it may be marked: no control's, and on enough pairs.
        sign: + or - where it is tested and beyond its interval, else empty.
        shade: from -1 for the page's largest fall to 1 for its largest gain.
    """

    value: float
    low: float
    high: float
    shade: float
    tested: bool = False

    @property
    def sign(self) -> str:
        if not self.tested:
            return ""
        return "+" if self.low > 0 else "-" if self.high < 0 else ""


@dataclass(frozen=True)
class ConceptRow:
    """A concept's pairs: the original's values, and per method each metric's change."""

    concept: str
    n: int
    original: dict[str, float]
    changes: dict[str, dict[str, Change]]


def generalisation(results: AuditResults) -> str:
    """The sections, as HTML that goes into the report; those that were not asked for are left out.

    The same results give the same bytes.
    """
    held_out, drift = (results.tables.get(name) for name in (HELD_OUT, DRIFT))
    tables = {
        (data.name, backbone): rows
        for data in results.config.benchmarks
        for backbone in results.backbones
        if (rows := concept_rows(results, data.name, backbone))
    }
    changes = [
        change
        for rows in tables.values()
        for row in rows
        for found in row.changes.values()
        for change in found.values()
    ]
    return render(
        "sections",
        concepts=tables,
        metrics=SAFETY,
        few=FEW,
        tested=sum(change.tested for change in changes),
        marked=sum(bool(change.sign) for change in changes),
        said=[] if held_out is None else held_out_said(held_out),
        held_out=[] if held_out is None else held_out_parts(held_out),
        benchmark=held_out_benchmark(results.config).name,
        drift=[] if drift is None else drift_rows(drift),
        plots=[
            plot_html(drift_plot(part), f"drift-{index}")
            for index, (_, part) in enumerate(
                () if drift is None else drift.groupby("backbone", sort=False)
            )
        ],
    )


def generalised(results: AuditResults) -> list[str]:
    """What the sections found, in a sentence each."""
    held_out, drift = (results.tables.get(name) for name in (HELD_OUT, DRIFT))
    said = [] if held_out is None else held_out_said(held_out)
    return said if drift is None else [*said, *_drift_said(drift)]


def held_out_said(table: pd.DataFrame) -> list[str]:
    """Per backbone and method how its edit does on concepts that it has not seen."""
    pooled = table[table["concept"] == ""].set_index("metric")
    said = []
    for (backbone, method), found in pooled.groupby(["backbone", "method"], sort=False):
        parts = [
            f"{metric} {row['held_out']:+.1f} on that concept, the ordinary edit "
            f"{row['ordinary']:+.1f}, difference {row['gap']:+.1f} "
            f"[{row['gap_low']:+.1f}, {row['gap_high']:+.1f}]"
            for metric in SAFETY
            for row in [found.loc[metric]]
        ]
        said.append(f"{backbone}, {method} made without a concept: {'; '.join(parts)}.")
    return said


def _drift_said(table: pd.DataFrame) -> list[str]:
    """Per backbone, method and tower how far choices agree."""
    said: dict[tuple[str, str, str], list[str]] = {}
    for row in drift_rows(table):
        said.setdefault((row["backbone"], row["method"], row["tower"]), []).append(
            f"{row['compared']} {row['jaccard']:.2f} (random {row['expected']:.2f})"
        )
    return [
        f"{backbone}, {method}, {tower} tower, Jaccard index of choices: {'; '.join(parts)}."
        for (backbone, method, tower), parts in said.items()
    ]


def concept_rows(results: AuditResults, benchmark: str, backbone: str) -> list[ConceptRow]:
    """A row per concept of a benchmark; controls are means over seeds and bear no sign."""
    rows = results.rows
    rows = rows[
        (rows["concept"] != "")
        & (rows["dataset"] == benchmark)
        & (rows["backbone"] == backbone)
        & rows["metric"].isin(SAFETY)
    ]
    edits = rows[rows["method"] != "original"]
    largest = edits["change"].abs().max()
    found = []
    for concept, part in rows.groupby("concept"):
        n = int(part["n"].iloc[0])
        changes: dict[str, dict[str, Change]] = {}
        for (method, metric), own in _by_method(part):
            changes.setdefault(method, {})[metric] = _change(own, n, largest)
        original = part[part["method"] == "original"].set_index("metric")["value"]
        found.append(
            ConceptRow(str(concept), n, {str(k): float(v) for k, v in original.items()}, changes)
        )
    return found


def _by_method(part: pd.DataFrame) -> list[tuple[tuple[str, str], pd.DataFrame]]:
    """One concept's rows by method and metric, in the order of the audit; seeds together."""
    part = part[part["method"] != "original"]
    control = part["control_of"].notna()
    method = part["method"].where(~control, "random " + part["control_of"].astype(str))
    grouped = part.groupby([method, part["metric"]], sort=False)
    return [((str(key[0]), str(key[1])), own) for key, own in grouped]


def _change(own: pd.DataFrame, n: int, largest: float) -> Change:
    value = float(own["change"].mean())
    shade = value / largest if largest else 0.0
    if own["control_of"].notna().any():  # a spread over seeds is no interval
        return Change(value, float(own["change"].min()), float(own["change"].max()), shade)
    low, high = float(own["change_low"].iloc[0]), float(own["change_high"].iloc[0])
    return Change(value, low, high, shade, n >= FEW)


def held_out_parts(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Per backbone and method its rows by concept, all of them together first.

    A row has `concept`, `n`, and per metric of `SAFETY` the table's own columns.
    """
    return [
        {
            "backbone": backbone,
            "method": method,
            "rows": [
                {
                    "concept": concept or "all held out",
                    "n": int(own["n"].iloc[0]),
                    **{metric: own.set_index("metric").loc[metric].to_dict() for metric in SAFETY},
                }
                for concept, own in part.groupby("concept", sort=False)
            ],
        }
        for (backbone, method), part in table.groupby(["backbone", "method"], sort=False)
    ]


_DRIFT = ["backbone", "method", "tower", "compared"]


def drift_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Per backbone, method, tower and comparison the agreement, a mean over layers.

    Keys: those, `times` compared, `jaccard` with `low` and `high` (the least and the greatest
    repetition), `expected` of random choices, `selected` per layer, and `pairs_shared`.
    """
    runs = table.groupby([*_DRIFT, "first", "second"], sort=False, as_index=False)[
        ["jaccard", "expected", "selected_first", "pairs_shared"]
    ].mean()
    rows = (
        runs.groupby(_DRIFT, sort=False, as_index=False)
        .agg(
            times=("jaccard", "size"),
            jaccard=("jaccard", "mean"),
            low=("jaccard", "min"),
            high=("jaccard", "max"),
            expected=("expected", "mean"),
            selected=("selected_first", "mean"),
            pairs_shared=("pairs_shared", "mean"),
        )
        .to_dict(orient="records")
    )
    return [{str(name): value for name, value in row.items()} for row in rows]


def drift_plot(table: pd.DataFrame) -> go.Figure:
    """One backbone's agreement layer by layer: a panel per method and tower, a line per comparison.

    Bars span the repetitions; the dotted lines are what random choices of as many would have.
    """
    parts = list(table.groupby(["method", "tower"], sort=False))
    figure, places = panels([f"{method}, {tower}" for (method, tower), _ in parts])
    compared = list(dict.fromkeys(table["compared"]))
    for (_, part), panel in zip(parts, places, strict=True):
        for what, rows in part.groupby("compared", sort=False):
            own = rows.groupby("layer").agg(
                jaccard=("jaccard", "mean"),
                low=("jaccard", "min"),
                high=("jaccard", "max"),
                expected=("expected", "mean"),
            )
            layers = [layer.partition(".")[2] for layer in own.index]
            line = {"color": COLORS[compared.index(str(what)) % len(COLORS)], "width": 1.5}
            panel.draw(
                go.Scatter(
                    x=layers,
                    y=own["jaccard"],
                    error_y=interval(own["jaccard"], own["low"], own["high"]),
                    mode="lines+markers",
                    name=str(what),
                    line=line,
                )
            )
            panel.draw(
                go.Scatter(
                    x=layers,
                    y=own["expected"],
                    mode="lines",
                    name=f"{what}, at random",
                    legendgroup=str(what),
                    line={**line, "dash": "dot"},
                ),
                legend=False,
            )
    figure.update_yaxes(range=[0, 1.02])
    places[0].axes(y="share in common")
    return styled(figure, height=400)
