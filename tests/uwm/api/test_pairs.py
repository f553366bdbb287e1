from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image

import uwm
from tests.makers.backbones import LoadFresh
from uwm.errors import InputError, PairingError, SourceError
from uwm.shipped import PAIR_SETS


def test_pairs_that_do_not_pair_are_refused() -> None:
    picture = Image.new("RGB", (8, 8))
    with pytest.raises(PairingError, match="1 safe images, 2 unsafe images"):
        uwm.Pairs([picture], [picture, picture], ["a"], ["b"])
    with pytest.raises(PairingError, match="one row or more"):
        uwm.Pairs([], [], [], [])


def test_a_table_may_hold_paths_or_bytes(load_fresh: LoadFresh, tmp_path: Path) -> None:
    rows = pd.read_parquet(PAIR_SETS["test"]).head(3)
    by_path = rows.copy()
    for column in ("safe_image", "unsafe_image"):
        for row, data in enumerate(rows[column]):
            (tmp_path / f"{column}-{row}.webp").write_bytes(data)
        by_path[column] = [f"{column}-{row}.webp" for row in range(3)]
    by_path.drop(columns=["id", "concept"]).to_parquet(tmp_path / "pairs.parquet")
    backbone, read = load_fresh("clip"), uwm.Pairs.read(tmp_path / "pairs.parquet")
    one, other = (uwm.embed(backbone, pairs) for pairs in (read, uwm.Pairs.demo("test", limit=3)))
    assert all(torch.equal(*parts) for parts in zip(one, other, strict=True))
    assert list(read.ids) == ["0", "1", "2"]


def test_what_cannot_be_read_is_said_with_its_row(tmp_path: Path) -> None:
    table = tmp_path / "pairs.parquet"
    with pytest.raises(SourceError, match="not a readable Parquet table"):
        uwm.Pairs.read(table)
    rows = pd.read_parquet(PAIR_SETS["test"]).head(2)
    rows.drop(columns=["safe_text"]).to_parquet(table)
    with pytest.raises(SourceError, match="lacks safe_text"):
        uwm.Pairs.read(table)
    rows["unsafe_image"] = [rows["unsafe_image"].iloc[0], b"GIF89a"]
    rows.to_parquet(table)
    with pytest.raises(SourceError, match=r"row 1 of .* in unsafe_image"):
        uwm.Pairs.read(table)
    with pytest.raises(InputError, match="calibration, validation, test"):
        uwm.Pairs.demo("train")


def test_a_slice_is_the_pairs_of_these_rows() -> None:
    pairs = uwm.Pairs.demo("test", limit=6)
    part = pairs[2:4]
    assert (len(part), part.safe_texts, part.ids) == (2, pairs.safe_texts[2:4], pairs.ids[2:4])
