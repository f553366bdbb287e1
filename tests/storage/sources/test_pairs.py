from pathlib import Path

import pandas as pd
import pytest

from storage.sources import content_digest, read_source
from tests.makers.pair_layouts import change, tables
from uwm.config import DemoPairs
from uwm.errors import PairingError, SourceError


def test_tables_pair_row_by_row(tmp_path: Path) -> None:
    source = read_source(tables(tmp_path))
    assert source.texts["unsafe"].tolist() == [f"unsafe text {row}" for row in range(4)]
    assert source.read("safe2.png") == (tmp_path / "images" / "safe2.png").read_bytes()


def test_unequal_lengths_are_refused(tmp_path: Path) -> None:
    config = tables(tmp_path)
    pd.read_csv(config.safe).iloc[:-1].to_csv(config.safe, index=False)
    with pytest.raises(PairingError, match=r"3 rows and .* has 4"):
        read_source(config)


def test_pairs_share_a_concept_in_whatever_case(tmp_path: Path) -> None:
    config = tables(tmp_path)
    change(config.safe, 1, concept=" CONCEPT  1")
    assert read_source(config).rows["concept"][1] == "concept 1"
    change(config.safe, 1, concept="another")
    with pytest.raises(PairingError, match="1 of 4 rows"):
        read_source(config)


def test_missing_columns_and_unreadable_tables_are_named(tmp_path: Path) -> None:
    config = tables(tmp_path)
    pd.read_csv(config.safe).drop(columns="text").to_csv(config.safe, index=False)
    with pytest.raises(SourceError, match="lacks text"):
        read_source(config)
    config.safe.write_bytes(b"\x00\xff\xfe")
    with pytest.raises(SourceError, match=r"safe\.csv"):
        read_source(config)


def test_the_shipped_sets_are_read() -> None:
    pairs = read_source(DemoPairs(kind="demo", split="calibration", per_concept=5))
    assert (pairs.rows["concept"].value_counts() == 5).all()
    assert pairs.read(pairs.images["unsafe"][0])[:4] == b"RIFF"
    assert pairs.quarantined.empty


def test_tables_may_hold_the_pictures(tmp_path: Path) -> None:
    config = tables(tmp_path)
    expected = content_digest(read_source(config))
    changes = {}
    for part, path in (("safe", config.safe), ("unsafe", config.unsafe)):
        table = pd.read_csv(path, dtype=str)
        table["image"] = [(config.images / name).read_bytes() for name in table["image"]]
        changes[part] = tmp_path / f"{part}.parquet"
        table.to_parquet(changes[part])
    assert content_digest(read_source(config.model_copy(update=changes))) == expected
