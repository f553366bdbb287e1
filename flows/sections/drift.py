"""Calibration drift: edits made again from parts of the calibration set, and how well they agree.

Everything is computed from stored statistics: no tower runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any, ClassVar, Literal

import pandas as pd
import plotly.graph_objects as go

from flows.report.plots import COLORS, interval, panels, plot_html, styled
from flows.results.table import AuditResults
from flows.sections.section import RepairedBackbone, Section
from storage.store.spec import Spec
from tasks.datasets import identify
from tasks.drift import AgreementSpec, Comparison
from uwm.config import AuditConfig, Drift, Subset
from uwm.errors import InputError
from uwm.families import TOWERS

_ALL = Subset()


class CalibrationDrift(Section):
    """Per method and tower, how well the selections from parts of the calibration set agree."""

    key: ClassVar[str] = "drift"
    kind: Literal["drift"]

    def submit(self, audit: RepairedBackbone) -> list[tuple[str, Spec]]:
        """A spec per method and edited tower.

        Raises:
            InputError: a part would be the whole calibration set.
        """
        config, drift = audit.config, audit.config.drift
        if drift is None:
            return []
        _check_sizes(config, drift)
        calibration = audit.inputs["calibration"].dataset
        compared = list(_compared(drift, config.seed))
        parts = dict.fromkeys(part for _, first, second in compared for part in (first, second))
        submitted: list[tuple[str, Spec]] = []
        for method in config.rescored_methods:
            if drift.methods and method.name not in drift.methods:
                continue
            edits = audit.edits[method.name]
            made = {
                part: edits if part == _ALL else audit.rescored(method, edits, part)
                for part in (parts if any(edits) else ())
            }
            for position, tower in enumerate(TOWERS):
                if edits[position] is None:
                    continue
                own = {part: edit for part, both in made.items() if (edit := both[position])}
                spec = AgreementSpec(
                    tower=tower,
                    calibration=calibration,
                    comparisons=tuple(
                        Comparison(
                            compared=what,
                            first=own[first],
                            second=own[second],
                            first_part=first,
                            second_part=second,
                        )
                        for what, first, second in compared
                    ),
                )
                audit.stages.make([spec], f"{tower} · {method.name}")
                submitted.append((method.name, spec))
        return submitted

    def sentences(self, results: AuditResults) -> list[str]:
        table = results.tables.get(self.key)
        return [] if table is None else drift_sentences(table)

    def html(self, results: AuditResults) -> str:
        table = results.tables.get(self.key)
        if table is None:
            return ""
        plots = [
            plot_html(drift_plot(part), f"drift-{index}")
            for index, (_, part) in enumerate(table.groupby("backbone", sort=False))
        ]
        return self.render(drift=drift_rows(table), plots=plots)


def _compared(drift: Drift, seed: int) -> Iterator[tuple[str, Subset, Subset]]:
    """Each comparison: its name, and the two parts that are compared."""
    seeds = range(seed, seed + drift.seeds)
    if drift.halves:
        for one in seeds:
            yield "halves", Subset(half="first", seed=one), Subset(half="second", seed=one)
    for size in drift.sizes:
        parts = [Subset(per_concept=size, seed=one) for one in seeds]
        for first, second in combinations(parts, 2):
            yield f"{size} per concept, two draws", first, second
        for part in parts:
            yield f"{size} per concept, with all", part, _ALL


def _check_sizes(config: AuditConfig, drift: Drift) -> None:
    counts = identify(config.calibration, config.seed)[0].rows["concept"].value_counts()
    if whole := [size for size in drift.sizes if size >= counts.max()]:
        raise InputError(
            f"drift compares parts of calibration {config.calibration.name}, which has at most "
            f"{counts.max()} pairs per concept; drift.sizes has {', '.join(map(str, whole))}, "
            "which is not a part. Use smaller sizes."
        )
    if drift.halves and counts.max() < 2:
        raise InputError(
            f"calibration {config.calibration.name} has one pair per concept, which cannot be "
            "halved; set drift.halves to false or use more pairs"
        )


def drift_sentences(table: pd.DataFrame) -> list[str]:
    """Per backbone, method and tower, how well selections agree."""
    agreement: dict[tuple[str, str, str], list[str]] = {}
    for row in drift_rows(table):
        agreement.setdefault((row["backbone"], row["method"], row["tower"]), []).append(
            f"{row['compared']} {row['jaccard']:.2f} (random {row['expected']:.2f})"
        )
    return [
        f"{backbone}, {method}, {tower} tower, Jaccard index of selections: {'; '.join(parts)}."
        for (backbone, method, tower), parts in agreement.items()
    ]


_DRIFT = ["backbone", "method", "tower", "compared"]


def drift_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Per backbone, method, tower and comparison the agreement, a mean over layers.

    Keys: those, `times` compared, `jaccard` with `low` and `high` (the lowest and the highest
    repetition), `expected` for random selections, `selected` per layer, and `pairs_shared`.
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

    Bars span the repetitions; dotted lines show random selections of the same size.
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
    places[0].axes(y="Jaccard index")
    return styled(figure, height=400)
