"""What quadruples are drawn together by is a column, whatever they are read from."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from pydantic import ValidationError

from storage.sources import content_digest, read_source
from tests.makers.pair_layouts import LAYOUTS, change, quadruples, tables
from uwm.config import PairsConfig
from uwm.errors import SourceError


def test_clusters_are_a_column_of_every_layout(tmp_path: Path) -> None:
    rows = quadruples()
    read = {
        layout: read_source(LAYOUTS[layout](tmp_path / layout, rows, cluster="concept"))
        for layout in ("csv", "jsonl", "bytes", "webdataset", "hf-dataset")
    }
    for source in read.values():
        assert source.rows["cluster"].tolist() == [row.concept for row in rows]
    assert len({content_digest(source) for source in read.values()}) == 1
    plain = read_source(LAYOUTS["csv"](tmp_path / "plain", rows))
    assert "cluster" not in plain.rows
    assert content_digest(plain) != content_digest(read["csv"])


def test_clusters_of_two_tables_stand_in_the_safe_one(tmp_path: Path) -> None:
    config: PairsConfig = tables(tmp_path, cluster="author")
    with pytest.raises(SourceError, match=r"safe\.csv .*it lacks author"):
        read_source(config)
    table = pd.read_csv(tmp_path / "safe.csv").assign(author=["a", "b", "a", "c"])
    table.to_csv(tmp_path / "safe.csv", index=False)
    assert read_source(config).rows["cluster"].tolist() == ["a", "b", "a", "c"]
    change(tmp_path / "safe.csv", 1, author="")
    with pytest.raises(SourceError, match="1 rows do not, first row 1"):
        read_source(config)
    with pytest.raises(ValidationError, match="rows that share an image always form one cluster"):
        tables(tmp_path, cluster="image")
