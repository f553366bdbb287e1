"""The report, concept by concept: what each method changes on the pairs of one concept alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import pandas as pd

from flows.results.table import AuditResults, unseeded
from flows.results.wording import Mark, mark
from flows.sections.section import Section
from uwm.metrics.intervals import Interval
from uwm.metrics.registry import BUILT_IN

SAFETY = tuple(metric.name for metric in BUILT_IN.goals("safety"))
FEW = 10
"""Pairs of a concept below which no change is marked."""


@dataclass(frozen=True)
class ConceptChange:
    """A change from the original on one concept's pairs, in points.

    Attributes:
        points: with its interval; of a control the least and the greatest seed.
        shade: from -1 for the table's largest fall to 1 for its largest gain.
        n: pairs of the concept.
        control: whether it is the mean over a random control's seeds.
    """

    points: Interval
    shade: float
    n: int
    control: bool = False

    @property
    def tested(self) -> bool:
        """Whether it may be marked: on enough pairs, and not a control's."""
        return self.n >= FEW and not self.control

    @property
    def sign(self) -> Mark:
        """+ or - where it is beyond its interval on enough pairs, else empty."""
        if self.n < FEW:
            return ""
        return mark(self.points.low, self.points.high, control=self.control)


@dataclass(frozen=True)
class ConceptRow:
    """A concept's pairs: the original's values, and per method each metric's change."""

    concept: str
    n: int
    original: dict[str, float]
    changes: dict[str, dict[str, ConceptChange]]


class Concepts(Section):
    """A table per benchmark and backbone, where the benchmark has concepts."""

    key: ClassVar[str] = "concepts"
    kind: Literal["concepts"]

    def html(self, results: AuditResults) -> str:
        tables = {
            (data.name, backbone): rows
            for data in results.config.benchmarks
            for backbone in results.backbones
            if (rows := concept_rows(results, data.name, backbone))
        }
        if not tables:
            return ""
        changes = [
            change
            for rows in tables.values()
            for row in rows
            for by_metric in row.changes.values()
            for change in by_metric.values()
        ]
        return self.render(
            concepts=tables,
            metrics=SAFETY,
            few=FEW,
            tested=sum(change.tested for change in changes),
            marked=sum(bool(change.sign) for change in changes),
        )


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
        changes: dict[str, dict[str, ConceptChange]] = {}
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
    seeds = [None if pd.isna(seed) else int(seed) for seed in part["seed"]]
    names = [unseeded(*pair) for pair in zip(part["method"], seeds, strict=True)]
    method = pd.Series(names, index=part.index, name="method")
    grouped = part.groupby([method, part["metric"]], sort=False)
    return [((str(key[0]), str(key[1])), own) for key, own in grouped]


def _change(own: pd.DataFrame, n: int, largest: float) -> ConceptChange:
    value = float(own["change"].mean())
    shade = value / largest if largest else 0.0
    if own["control_of"].notna().any():
        spread = Interval(value, float(own["change"].min()), float(own["change"].max()))
        return ConceptChange(spread, shade, n, control=True)
    low, high = float(own["change_low"].iloc[0]), float(own["change_high"].iloc[0])
    return ConceptChange(Interval(value, low, high), shade, n)
