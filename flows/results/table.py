"""An audit's results: one tidy table, the settings behind it, and the summary that people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from flows.results.verdict import Verdict
from storage.formats.backbone_results import BackboneResults
from uwm.config import AuditConfig
from uwm.metrics.changes import holm, interval_p
from uwm.metrics.intervals import LEVEL, Interval
from uwm.metrics.registry import ZEROSHOT_MEAN, Metrics

COLUMNS = (
    *("backbone", "method", "dataset", "concept", "metric", "value", "low", "high", "n"),
    *("change", "change_low", "change_high", "control_of", "seed"),
)
"""`value` in the metric's unit (mostly percent) with its 95 % interval; `change` from the original,
paired, in points of that unit.

`concept` is whose pairs alone a row is about; it is empty for the whole of a data set.
"""

GAPS = "zero-shot sets that are missing or incomplete:"


@dataclass(frozen=True)
class Finding:
    """What the figures say of a method, and those figures: `vit, uwm: less unsafe` `(...)`."""

    said: str
    figures: str = ""

    def __str__(self) -> str:
        return f"{self.said} {self.figures}".rstrip()


@dataclass(frozen=True)
class AuditResults:
    """Everything that an audit found.

    Attributes:
        rows: tidy, the columns of `COLUMNS`.
        settings: per backbone what each method edited, or what weights it brought.
        choices: per backbone and method with a grid the validation table.
        excluded: how many rows of each data set were left out, by reason.
        gaps: per zero-shot set that is missing or incomplete, what is expected.
        failures: per backbone that could not be audited, why.
        verdict: of the audit's policy; None where it has none.
        tables: what sections of the audit ask for besides, by name: `held_out` and `drift`.
        warnings: what makes figures say less than they seem to.
        findings: what the figures say of each method.
        section_findings: what the further tables say, a sentence each.
    """

    config: AuditConfig
    rows: pd.DataFrame
    settings: Mapping[str, list[dict[str, Any]]]
    choices: Mapping[str, Mapping[str, pd.DataFrame]]
    excluded: Mapping[str, Mapping[str, int]]
    gaps: Mapping[str, str] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    verdict: Verdict | None = None
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    findings: Sequence[Finding] = ()
    section_findings: Sequence[str] = ()

    @property
    def backbones(self) -> list[str]:
        """The names of those that were audited, in the order of the configuration."""
        return [item.name for item in self.config.backbones if item.name not in self.failures]

    @property
    def metrics(self) -> Metrics:
        """What was measured."""
        return self.config.measured

    @property
    def whole(self) -> pd.DataFrame:
        """The rows about whole data sets, those of single concepts left out."""
        return self.rows[self.rows["concept"] == ""]

    @property
    def benchmark(self) -> str:
        """The pair set that the summary shows: the first."""
        return self.config.benchmarks[0].name


def collect(
    config: AuditConfig,
    found: Mapping[str, BackboneResults],
    excluded: Mapping[str, Mapping[str, int]],
    gaps: Mapping[str, str],
    failures: Mapping[str, str],
) -> AuditResults:
    """The results of all backbones together."""
    rows = pd.concat([part.rows for part in found.values()], ignore_index=True)
    return AuditResults(
        config=config,
        rows=rows[list(COLUMNS)].astype({"control_of": "string", "seed": "Int64"}),
        settings={name: part.settings for name, part in found.items()},
        choices={name: part.choices for name, part in found.items()},
        excluded=excluded,
        gaps=gaps,
        failures=failures,
        tables=_gathered(found),
    )


def _gathered(found: Mapping[str, BackboneResults]) -> dict[str, pd.DataFrame]:
    """Each further table over all backbones; backbone and method come first."""
    parts: dict[str, list[pd.DataFrame]] = {}
    for part in found.values():
        for name, table in part.tables.items():
            parts.setdefault(name, []).append(table)
    return {
        name: pd.concat(tables, ignore_index=True).pipe(_first, "backbone", "method")
        for name, tables in parts.items()
    }


def _first(table: pd.DataFrame, *names: str) -> pd.DataFrame:
    return table[[*names, *(name for name in table if name not in names)]]


def seeded(name: str, seed: int | None) -> str:
    """What a control is called as it is measured: with its seed, if it is a random one."""
    return name if seed is None else f"{name} #{seed}"


def unseeded(method: str, seed: int | None) -> str:
    """Inverse of `seeded`: what the audit calls the method."""
    return method if seed is None else method.removesuffix(f" #{seed}")


def headline(results: AuditResults, benchmark: str | None = None) -> pd.DataFrame:
    """The rows that the summary is made of; the seeds of a control are averaged.

    Columns: backbone, method, metric (its label), value, low, high, change, change_low,
    change_high, control_of (empty but for controls), mark and tested, see `marked`. For a control
    low and high are the least and greatest seed's.
    """
    rows, labels = results.whole, results.metrics.headline
    shown = rows["dataset"].isin([benchmark or results.benchmark, ZEROSHOT_MEAN])
    rows = rows[shown & rows["metric"].isin(labels)]
    higher = {metric.label: metric.higher_is_better for metric in results.metrics}
    return marked(_seeds_averaged(rows.assign(metric=rows["metric"].map(labels))), higher)


def zeroshot(results: AuditResults, metric: str) -> pd.DataFrame:
    """As `headline`, for every zero-shot set and their mean; `metric` is the set's name."""
    names = [data.name for data in results.config.zeroshot_sets]
    rows = results.whole
    shown = rows["dataset"].isin([*names, ZEROSHOT_MEAN]) & (rows["metric"] == metric)
    table = _seeds_averaged(rows[shown].assign(metric=lambda table: table["dataset"]))
    higher = results.metrics[metric].higher_is_better
    return marked(table, dict.fromkeys(table["metric"], higher))


def columns(results: AuditResults) -> list[str]:
    """Labels of the headline metrics that were measured, in order."""
    measured = set(results.whole["metric"])
    return [label for name, label in results.metrics.headline.items() if name in measured]


def marked(table: pd.DataFrame, higher_is_better: Mapping[str, bool]) -> pd.DataFrame:
    """A table with the columns `mark`, `+` or `-` for changes that are significant at 5 %, and
    `tested`, whether a change could be.

    Their p-values are corrected by Holm (1979) for all changes of the table, so that a table in
    which nothing has changed has a mark with a probability of at most 5 %. What did not change at
    all, the original for one, is not a test; nor is a control.

    Args:
        higher_is_better: by what the column `metric` calls the metrics.
    """
    bounds = table[["change", "change_low", "change_high"]].to_numpy().tolist()
    intervals = [Interval(*row) for row in bounds]
    tests = [
        index
        for index, (change, of) in enumerate(zip(intervals, table["control_of"], strict=True))
        if of == "" and (change.low, change.high) != (0, 0)
    ]
    corrected = holm([interval_p(intervals[index]) for index in tests])
    marks = [""] * len(table)
    for index, p in zip(tests, corrected, strict=True):
        if p <= 1 - LEVEL:
            rose = intervals[index].value > 0
            marks[index] = "+" if rose == higher_is_better[table["metric"].iloc[index]] else "-"
    tested = table.index.isin(table.index[tests])
    return table.assign(mark=marks, tested=tested)


def _seeds_averaged(rows: pd.DataFrame) -> pd.DataFrame:
    columns = ["backbone", "method", "metric", "value", "low", "high"]
    columns += ["change", "change_low", "change_high"]
    single = rows[rows["control_of"].isna()][columns].assign(control_of="")
    controls = rows[rows["control_of"].notna()]
    seeds = [None if pd.isna(seed) else int(seed) for seed in controls["seed"]]
    names = [unseeded(*pair) for pair in zip(controls["method"], seeds, strict=True)]
    by = ["backbone", "method", "metric", "control_of"]
    drawn = (
        controls.assign(method=names)
        .groupby(by, sort=False, as_index=False)
        .agg(
            value=("value", "mean"),
            low=("value", "min"),
            high=("value", "max"),
            change=("change", "mean"),
            change_low=("change", "min"),
            change_high=("change", "max"),
        )
    )
    return pd.concat([single, drawn[[*columns, "control_of"]]], ignore_index=True)


def summary(results: AuditResults) -> pd.DataFrame:
    """One row per backbone and method, one column per headline metric, in its unit."""
    table = headline(results)
    methods = list(dict.fromkeys(table["method"]))
    wide = table.pivot(index=["backbone", "method"], columns="metric", values="value")
    index = [
        (backbone, method)
        for backbone in results.backbones
        for method in methods
        if (backbone, method) in wide.index
    ]
    columns = [name for name in results.metrics.headline.values() if name in wide.columns]
    ordered = wide.reindex(pd.MultiIndex.from_tuples(index, names=wide.index.names))
    return ordered[columns].reset_index().rename_axis(columns=None)
