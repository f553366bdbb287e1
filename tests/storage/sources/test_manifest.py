import contextlib
import json
import random
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from storage.sources import content_digest, read_source
from tests.makers.folders import LFS_POINTER
from tests.makers.pair_layouts import (
    bytes_manifest,
    config,
    manifest,
    manifest_rows,
    quadruples,
    write_manifest,
)
from uwm.errors import SourceError

SUFFIXES = [".csv", ".jsonl", ".parquet"]


def rewritten(folder: Path, suffix: str, changes: dict[str, Any], **fields: Any) -> Any:
    """A manifest whose second row is changed."""
    found: Any = manifest(folder, quadruples(6), suffix, **fields)
    rows = manifest_rows(quadruples(6))
    rows[1] |= changes
    write_manifest(found.data, rows)
    return found


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_texts_stay_text(tmp_path: Path, suffix: str) -> None:
    texts = {"safe_text": "null", "unsafe_text": 'a "quoted", NA\nline'}
    source = read_source(rewritten(tmp_path, suffix, texts))
    assert source.texts.iloc[1].tolist() == list(texts.values())


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("image", ["../secret.jpg", "/etc/hostname"])
def test_a_picture_outside_the_root_is_never_read(tmp_path: Path, suffix: str, image: str) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    with pytest.raises(SourceError, match="leads out of it"):
        read_source(rewritten(tmp_path, suffix, {"unsafe_image": image}))


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_an_empty_cell_is_a_fault_of_its_row(tmp_path: Path, suffix: str) -> None:
    allowed = {"max_quarantined": 0.5}
    source = read_source(rewritten(tmp_path, suffix, {"unsafe_image": None}, **allowed))
    assert source.quarantined["reason"].tolist() == ["missing image"]


def test_a_null_among_stored_bytes_is_a_missing_picture(tmp_path: Path) -> None:
    found: Any = bytes_manifest(tmp_path, quadruples(6), max_quarantined=0.5)
    rows = manifest_rows(quadruples(6))
    for index, row in enumerate(rows):
        picture = quadruples(6)[index].pictures["safe"]
        row["safe_image"] = None if index == 1 else picture
        row["unsafe_image"] = [{"bytes": picture}, None, None, {"bytes": None}][min(index, 3)]
    write_manifest(found.data, rows)
    with pytest.raises(SourceError, match="5 of 6 rows"):
        read_source(found)


def test_pictures_lie_beside_the_manifest_unless_said(tmp_path: Path) -> None:
    found: Any = manifest(tmp_path, quadruples(3))
    inside = tmp_path / "images" / "quadruples.csv"
    inside.write_bytes(found.data.read_bytes())
    assert len(read_source(config(kind="manifest", data=inside)).rows) == 3


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_rows_are_numbered_where_none_has_an_id(tmp_path: Path, suffix: str) -> None:
    found: Any = manifest(tmp_path, quadruples(3), suffix)
    rows = [{k: v for k, v in row.items() if k != "id"} for row in manifest_rows(quadruples(3))]
    write_manifest(found.data, rows)
    assert read_source(found).rows["id"].tolist() == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("suffix", "changes", "said"),
    [
        (".jsonl", {"id": None}, "1 rows lack it, first row 1"),
        (".jsonl", {"safe_text": ["a"]}, "`safe_text` is text .* row 1 has .* a list"),
        (".jsonl", {"safe_image": 5}, "`safe_image` is a path.* row 1 has a int"),
        (".jsonl", {"concept": True}, "a bool"),
        (".jsonl", {"concept": "\ud800"}, "Unicode"),
        (".csv", {"id": " "}, "1 rows lack it"),
    ],
)
def test_cells_that_cannot_be_are_told(
    tmp_path: Path, suffix: str, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(SourceError, match=said):
        read_source(rewritten(tmp_path, suffix, changes))


def test_an_unknown_ending_is_a_mistake_in_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "rows.xlsx").touch()
    with pytest.raises(ValidationError, match=r"\.csv, \.tsv, \.jsonl, \.parquet"):
        config(kind="manifest", data=tmp_path / "rows.xlsx")


@pytest.mark.parametrize("separator", ["\t", ";", "|"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_columns_may_be_parted_by_other_signs(tmp_path: Path, separator: str, suffix: str) -> None:
    """Spreadsheets write semicolons where the comma is a decimal sign; open_clip's own are tabs."""
    found: Any = manifest(tmp_path, quadruples(3))
    expected = content_digest(read_source(found))
    path = tmp_path / f"other{suffix}"
    pd.read_csv(found.data, dtype=str).to_csv(path, sep=separator, index=False)
    assert content_digest(read_source(found.model_copy(update={"data": path}))) == expected


def test_columns_that_are_there_are_told(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("filepath^title\na^b\n")
    with pytest.raises(SourceError, match=r"it lacks concept.* and has filepath\^title$"):
        read_source(config(kind="manifest", data=tmp_path / "other.csv"))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_byte_order_mark_is_no_part_of_a_table(tmp_path: Path, suffix: str) -> None:
    found: Any = manifest(tmp_path, quadruples(3), suffix)
    expected = content_digest(read_source(found))
    found.data.write_bytes(b"\xef\xbb\xbf" + found.data.read_bytes())
    assert content_digest(read_source(found)) == expected


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_paths_may_be_those_of_windows(tmp_path: Path, suffix: str) -> None:
    found: Any = manifest(tmp_path, quadruples(3), suffix)
    expected = content_digest(read_source(found))
    windows = {"safe_image": "safe\\1001.jpg", "unsafe_image": "unsafe\\1001.jpg"}
    assert content_digest(read_source(rewritten_rows(found, windows))) == expected
    with pytest.raises(SourceError, match="leads out of it"):
        read_source(rewritten_rows(found, {"safe_image": "..\\quadruples.csv"}))


def rewritten_rows(found: Any, changes: dict[str, Any]) -> Any:
    rows = manifest_rows(quadruples(3))
    rows[1] |= changes
    write_manifest(found.data, rows)
    return found


def test_whole_numbers_may_be_floats_and_cells_nan_as_pandas_writes_them(tmp_path: Path) -> None:
    found: Any = manifest(tmp_path, quadruples(3), ".jsonl", max_quarantined=0.5, min_per_concept=0)
    rows = [{**row, "id": float(row["id"])} for row in manifest_rows(quadruples(3))]
    rows[2]["safe_text"] = float("nan")
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))  # with NaN, as pandas
    source = read_source(found.model_copy(update={"data": tmp_path / "rows.jsonl"}))
    assert source.rows["id"].tolist() == ["1000", "1001"]
    assert source.quarantined.to_numpy().tolist() == [["1002", "empty text", "safe"]]


def test_structs_of_paths_without_bytes_are_paths(tmp_path: Path) -> None:
    """As `datasets` writes pictures that it was told not to embed."""
    found: Any = manifest(tmp_path, quadruples(3))
    expected = content_digest(read_source(found))
    rows = manifest_rows(quadruples(3))
    for row in rows:
        row["id"] = str(row["id"])
        for part in ("safe", "unsafe"):
            row[f"{part}_image"] = {"bytes": None, "path": row[f"{part}_image"]}
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table(
        {
            name: pa.array([row[name] for row in rows], kind if "image" in name else pa.string())
            for name in rows[0]
        }
    )
    pq.write_table(table, tmp_path / "paths.parquet")
    paths = found.model_copy(update={"data": tmp_path / "paths.parquet"})
    assert content_digest(read_source(paths)) == expected


def sharded(folder: Path, *names: str) -> Path:
    whole: Any = bytes_manifest(folder / "whole", quadruples(6))
    table = pq.read_table(whole.data)
    (folder / "data").mkdir()
    share = len(table) // len(names)
    for number, name in enumerate(names):
        pq.write_table(table.slice(number * share, share), folder / "data" / name)
    return folder / "data"


def test_shards_of_the_hub_are_one_table(tmp_path: Path) -> None:
    data = sharded(tmp_path, "train-00000-of-00002.parquet", "train-00001-of-00002.parquet")
    (data / "._train-00000-of-00002.parquet").write_bytes(b"\0\5\x16\7")
    whole = config(kind="manifest", data=tmp_path / "whole" / "quadruples.parquet")
    found = read_source(config(kind="manifest", data=data))
    assert content_digest(found) == content_digest(read_source(whole))


@pytest.mark.parametrize(
    ("names", "fields", "said"),
    [
        (["train-00000-of-00002.parquet"], {}, "has 1 of the 2 shards of train"),
        (
            ["test-00000-of-00001.parquet", "train-00000-of-00001.parquet"],
            {},
            "`split` says which to take of .*: test, train",
        ),
        (["train-00000-of-00001.parquet"], {"split": "val"}, "train; got val"),
    ],
)
def test_shards_that_are_not_one_whole_split_are_told(
    tmp_path: Path, names: list[str], fields: dict[str, str], said: str
) -> None:
    with pytest.raises(SourceError, match=said):
        read_source(config(kind="manifest", data=sharded(tmp_path, *names), **fields))


def test_of_several_splits_one_is_taken(tmp_path: Path) -> None:
    data = sharded(tmp_path, "test-00000-of-00001.parquet", "train-00000-of-00001.parquet")
    found = read_source(config(kind="manifest", data=data, split="train"))
    assert found.rows["id"].tolist() == ["1003", "1004", "1005"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_git_lfs_pointer_is_told_from_a_table(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"rows{suffix}").write_bytes(LFS_POINTER)
    with pytest.raises(SourceError, match="git lfs pull"):
        read_source(config(kind="manifest", data=tmp_path / f"rows{suffix}"))


def test_a_git_lfs_pointer_is_told_from_a_picture(tmp_path: Path) -> None:
    found: Any = manifest(tmp_path, quadruples(2))
    (tmp_path / "images/safe/1000.jpg").write_bytes(LFS_POINTER)
    with pytest.raises(SourceError, match="git lfs pull"):
        read_source(found)


@pytest.mark.parametrize("seed", range(5))
def test_damaged_parquet_is_rows_or_told(tmp_path: Path, seed: int) -> None:
    """Whatever its schema, counts and offsets then say."""
    path, chance = tmp_path / "rows.parquet", random.Random(seed)
    columns = ("safe_text", "unsafe_text", "safe_image", "unsafe_image")
    rows = [{"concept": "c", **{name: f"{name} {row}" for name in columns}} for row in range(4)]
    pd.DataFrame(rows).to_parquet(path)
    content = path.read_bytes()
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    for _ in range(20):
        damaged = bytearray(content)
        for _ in range(chance.randint(1, 4)):
            start = footer if chance.random() < 0.8 else 0
            damaged[chance.randrange(start, len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged)
        with contextlib.suppress(SourceError):
            read_source(config(kind="manifest", data=path, max_quarantined=0.9))
