"""A data set's artifact: three Parquet tables and what was left out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from storage.sources import Source

_TABLES = ("rows", "images", "texts")


@dataclass(frozen=True)
class DataSet:
    """The stored form of `storage.sources.Source`: `images` are references, not pictures."""

    rows: pd.DataFrame
    images: pd.DataFrame
    texts: pd.DataFrame
    excluded: dict[str, int]


def write_dataset(folder: Path, source: Source) -> None:
    """Write `rows.parquet`, `images.parquet`, `texts.parquet` and `excluded.json`."""
    for name in _TABLES:
        getattr(source, name).to_parquet(folder / f"{name}.parquet", index=False)
    (folder / "excluded.json").write_text(json.dumps(source.excluded))


def read_dataset(folder: Path) -> DataSet:
    """Inverse of `write_dataset`."""
    rows, images, texts = (pd.read_parquet(folder / f"{name}.parquet") for name in _TABLES)
    return DataSet(rows, images, texts, json.loads((folder / "excluded.json").read_text()))
