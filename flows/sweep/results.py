"""What a sweep found, and its files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from flows.results.files import versions
from uwm.config import AuditConfig

SETTINGS = ("roles", "blocks", "prior", "share", "alpha")
"""Of a tower, each a column TOWER_SETTING."""


@dataclass(frozen=True)
class BackboneSweep:
    """What a sweep of one backbone found.

    Attributes:
        rows: tidy; a row per setting, data set and metric.
        passes: how many edited towers were run over the data, by tower; originals not counted.
        used: KIND/DIGEST of every artifact that it stands on.
        excluded, unread: as in `storage.formats.backbone_results`.
    """

    rows: pd.DataFrame
    passes: Mapping[str, int]
    used: tuple[str, ...]
    excluded: Mapping[str, int]
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class SweepResults:
    """A sweep of a zoo.

    Attributes:
        rows: tidy; `backbone`, `row` (its number), settings (see `flows.sweep.backbone.Row`),
            `dataset`, `metric`, `value`, `low`, `high`, `n`, and the paired change from the
            original with its interval.
    """

    config: AuditConfig
    rows: pd.DataFrame
    passes: Mapping[str, Mapping[str, int]]
    excluded: Mapping[str, Mapping[str, int]]
    unread: Sequence[str] = ()
    gaps: Mapping[str, str] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)

    @property
    def sentences(self) -> list[str]:
        """What was run and what could not be, a sentence each."""
        lines = []
        for name, passes in self.passes.items():
            rows = self.rows.loc[self.rows["backbone"] == name, "row"].nunique()
            lines.append(
                f"{name}: {rows} rows from {passes['image']} edited image towers and "
                f"{passes['text']} edited text towers, each run over the data once, and the "
                "original's"
            )
        for name, reasons in self.excluded.items():
            lines += [
                f"{name}: {count} calibration pairs left out, {why}"
                for why, count in reasons.items()
            ]
        lines += self.unread
        lines += [f"{name} could not be swept: {said}" for name, said in self.failures.items()]
        return lines + list(self.gaps.values())


def write_sweep(folder: Path, results: SweepResults) -> None:
    """Write `sweep.parquet` (tidy) and `sweep.json` (all else); no times, no durations."""
    folder.mkdir(parents=True, exist_ok=True)
    results.rows.to_parquet(folder / "sweep.parquet", index=False)
    content = {
        "audit": results.config.name,
        "passes": results.passes,
        "excluded": results.excluded,
        "unread": list(results.unread),
        "gaps": results.gaps,
        "failures": results.failures,
        "versions": versions(),
        "config": results.config.model_dump(mode="json"),
    }
    (folder / "sweep.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
