"""A data set's artifact: its Parquet tables and what was left out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from storage.sources import Source

_TABLES = ("rows", "images", "texts", "classes")


@dataclass(frozen=True)
class DataSet:
    """The stored form of `storage.sources.Source`: picture references and texts by partition."""

    rows: pd.DataFrame
    images: dict[str, list[str]]
    texts: dict[str, list[str]]
    classes: pd.DataFrame
    excluded: dict[str, int]


def write_dataset(folder: Path, source: Source) -> None:
    """Write a Parquet file per table, and `excluded.json`."""
    for name in _TABLES:
        getattr(source, name).to_parquet(folder / f"{name}.parquet", index=False)
    (folder / "excluded.json").write_text(json.dumps(source.excluded))


def read_dataset(folder: Path) -> DataSet:
    """Inverse of `write_dataset`."""
    rows, images, texts, classes = (pd.read_parquet(folder / f"{name}.parquet") for name in _TABLES)
    excluded = json.loads((folder / "excluded.json").read_text())
    return DataSet(rows, _columns(images), _columns(texts), classes, excluded)


def _columns(table: pd.DataFrame) -> dict[str, list[str]]:
    return {str(name): column.tolist() for name, column in table.items()}
