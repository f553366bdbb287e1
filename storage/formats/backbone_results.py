"""What the audit of one backbone found, as an artifact: how its run hands it over to others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from storage.store.spec import Spec
from storage.store.store import Store

_ROWS, _CHOICES, _TABLES, _REST = "rows.parquet", "choices", "tables", "results.json"


class BackboneResultsSpec(Spec):
    """Results by what they are made of.

    Attributes:
        backbone: its name.
        methods: each method as measured, with what it controls and its seed.
        used: KIND/DIGEST of every artifact that the results stand on, in order.
        tables: name of a table, method and KIND/DIGEST of each of its parts.
    """

    kind: ClassVar[str] = "backbones"
    backbone: str
    methods: tuple[tuple[str, str | None, int | None], ...]
    used: tuple[str, ...]
    tables: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class BackboneResults:
    """What a backbone's audit found.

    Attributes:
        rows: the tidy results, see `flows.results.table`.
        evaluations: per method, controls left out, the artifacts with its outcomes.
        settings: per method and tower what was edited, and how it was chosen.
        choices: per method with a grid its validation table.
        used: KIND/DIGEST of every artifact that the results stand on.
        excluded: how many calibration pairs its text tower cannot score, by reason.
        left_out: how many rows of each data set it was not measured on, by reason.
        unread: what its tokenizer cuts, a sentence each.
        tables: what else was asked for, by name, as `flows.results.table` writes it.
    """

    rows: pd.DataFrame
    evaluations: Mapping[str, tuple[str, ...]]
    settings: list[dict[str, Any]]
    choices: Mapping[str, pd.DataFrame]
    used: tuple[str, ...]
    excluded: Mapping[str, int]
    left_out: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)


def write_backbone_results(folder: Path, results: BackboneResults) -> None:
    """Tables as Parquet, the rest as JSON."""
    results.rows.to_parquet(folder / _ROWS, index=False)
    (folder / _CHOICES).mkdir()
    for number, table in enumerate(results.choices.values()):
        table.to_parquet(folder / _CHOICES / f"{number}.parquet", index=False)
    (folder / _TABLES).mkdir()
    for number, table in enumerate(results.tables.values()):
        table.to_parquet(folder / _TABLES / f"{number}.parquet", index=False)
    rest = {
        "evaluations": results.evaluations,
        "settings": results.settings,
        "choices": list(results.choices),
        "used": results.used,
        "excluded": results.excluded,
        "left_out": results.left_out,
        "unread": results.unread,
        "tables": list(results.tables),
    }
    (folder / _REST).write_text(json.dumps(rest, indent=1) + "\n", encoding="utf-8")


def read_backbone_results(store: Store, name: str) -> BackboneResults:
    """Inverse of `write_backbone_results`, of the artifact KIND/DIGEST.

    Raises:
        DamagedArtifactError: it is missing or damaged.
    """
    folder = store.path(name)
    rest = json.loads((folder / _REST).read_text(encoding="utf-8"))
    return BackboneResults(
        rows=pd.read_parquet(folder / _ROWS),
        evaluations={method: tuple(names) for method, names in rest["evaluations"].items()},
        settings=rest["settings"],
        choices={
            method: pd.read_parquet(folder / _CHOICES / f"{number}.parquet")
            for number, method in enumerate(rest["choices"])
        },
        used=(name, *rest["used"]),
        excluded=rest["excluded"],
        left_out=rest["left_out"],
        unread=tuple(rest["unread"]),
        tables={
            name: pd.read_parquet(folder / _TABLES / f"{number}.parquet")
            for number, name in enumerate(rest["tables"])
        },
    )
