"""A data set's artifact: its Parquet tables, and what was left out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

_TABLES = ("rows", "digests", "texts", "classes", "quarantined")


@dataclass(frozen=True)
class DataSet:
    """The stored form of `storage.sources.Source`, by content alone.

    Attributes:
        rows, texts, classes, excluded: as in `Source`.
        digests: SHA-256 of every picture's bytes by partition. How pictures are reached is no part
            of it: another source of the same content has the same artifact.
        quarantined: `id` and `reason` of the rows that were left out.
    """

    rows: pd.DataFrame
    digests: dict[str, list[str]]
    texts: dict[str, list[str]]
    classes: pd.DataFrame
    quarantined: pd.DataFrame
    excluded: dict[str, int]


def write_dataset(folder: Path, dataset: DataSet) -> None:
    """Write a Parquet file per table, and `excluded.json`."""
    for name in _TABLES:
        table = getattr(dataset, name)
        if isinstance(table, dict):
            table = pd.DataFrame(table, dtype="str")
        table.to_parquet(folder / f"{name}.parquet", index=False)
    (folder / "excluded.json").write_text(json.dumps(dataset.excluded), encoding="utf-8")


def read_dataset(folder: Path) -> DataSet:
    """Inverse of `write_dataset`."""
    rows, digests, texts, classes, quarantined = (
        pd.read_parquet(folder / f"{name}.parquet") for name in _TABLES
    )
    excluded = json.loads((folder / "excluded.json").read_text(encoding="utf-8"))
    return DataSet(rows, columns(digests), columns(texts), classes, quarantined, excluded)


def columns(table: pd.DataFrame) -> dict[str, list[str]]:
    """A table's columns by name."""
    return {str(name): column.tolist() for name, column in table.items()}
