from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from storage.sources import content_digest, read_source
from uwm.config import DemoPairs, TablePairs
from uwm.errors import PairingError, SourceError


def tables(folder: Path, rows: int = 4, per_concept: int | None = None) -> TablePairs:
    """A pair source of two CSV files and a folder of pictures."""
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    for part in ("safe", "unsafe"):
        for row in range(rows):
            Image.new("RGB", (4, 4), (row, 0, 255 if part == "safe" else 0)).save(
                images / f"{part}{row}.png"
            )
        pd.DataFrame(
            {
                "image": [f"{part}{row}.png" for row in range(rows)],
                "text": [f"{part} text {row}" for row in range(rows)],
                "concept": [f"concept {row % 2}" for row in range(rows)],
            }
        ).to_csv(folder / f"{part}.csv", index=False)
    return TablePairs(
        kind="tables",
        name="mine",
        safe=folder / "safe.csv",
        unsafe=folder / "unsafe.csv",
        images=images,
        per_concept=per_concept,
    )


def change(path: Path, row: int, **cells: object) -> None:
    table = pd.read_csv(path)
    for column, value in cells.items():
        table.loc[row, column] = value
    table.to_csv(path, index=False)


def test_tables_pair_row_by_row(tmp_path: Path) -> None:
    source = read_source(tables(tmp_path))
    assert source.texts["unsafe"].tolist() == [f"unsafe text {row}" for row in range(4)]
    assert source.read("safe2.png") == (tmp_path / "images" / "safe2.png").read_bytes()


def test_the_digest_is_of_content_not_of_place(tmp_path: Path) -> None:
    one, other = tables(tmp_path / "one"), tables(tmp_path / "other")
    assert content_digest(read_source(one)) == content_digest(read_source(other))
    Image.new("RGB", (4, 4), "red").save(tmp_path / "other" / "images" / "safe1.png")
    assert content_digest(read_source(one)) != content_digest(read_source(other))


def test_unequal_lengths_are_refused(tmp_path: Path) -> None:
    config = tables(tmp_path)
    pd.read_csv(config.safe).iloc[:-1].to_csv(config.safe, index=False)
    with pytest.raises(PairingError, match=r"3 rows and .* has 4"):
        read_source(config)


def test_pairs_share_a_concept(tmp_path: Path) -> None:
    config = tables(tmp_path)
    change(config.safe, 1, concept="another")
    with pytest.raises(PairingError, match="1 of 4 rows"):
        read_source(config)


def test_missing_pictures_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    config = tables(tmp_path)
    (config.images / "safe1.png").unlink()
    (config.images / "unsafe3.png").unlink()
    with pytest.raises(SourceError, match=r"2 of 8 pictures are not in .* first 'safe1\.png'"):
        read_source(config)


def test_missing_columns_and_unreadable_tables_are_named(tmp_path: Path) -> None:
    config = tables(tmp_path)
    pd.read_csv(config.safe).drop(columns="text").to_csv(config.safe, index=False)
    with pytest.raises(SourceError, match="lacks text"):
        read_source(config)
    config.safe.write_bytes(b"\x00\xff\xfe")
    with pytest.raises(SourceError, match=r"safe\.csv"):
        read_source(config)


def test_empty_texts_are_left_out_and_counted(tmp_path: Path) -> None:
    config = tables(tmp_path)
    change(config.unsafe, 2, text=" ")
    source = read_source(config)
    assert source.excluded == {"empty text": 1}
    assert source.texts["safe"].tolist() == ["safe text 0", "safe text 1", "safe text 3"]


def test_a_picture_outside_the_folder_is_never_read(tmp_path: Path) -> None:
    config = tables(tmp_path)
    (tmp_path / "secret.png").write_bytes(b"secret")
    change(config.safe, 0, image="../secret.png")
    source = read_source(config)
    with pytest.raises(SourceError, match="leads out of it"):
        content_digest(source)


def test_sampling_is_balanced_and_repeats(tmp_path: Path) -> None:
    config = tables(tmp_path, rows=20, per_concept=3)
    first, second, other = (read_source(config, seed) for seed in (0, 0, 1))
    assert first.rows["concept"].value_counts().tolist() == [3, 3]
    assert first.rows["id"].tolist() == second.rows["id"].tolist()
    assert first.rows["id"].tolist() != other.rows["id"].tolist()
    assert first.texts["safe"].tolist() == [f"safe text {id}" for id in first.rows["id"]]


def test_the_shipped_sets_are_read() -> None:
    pairs = read_source(DemoPairs(kind="demo", split="calibration", per_concept=5))
    assert (pairs.rows["concept"].value_counts() == 5).all()
    assert pairs.read(pairs.images["unsafe"][0])[:4] == b"RIFF"
