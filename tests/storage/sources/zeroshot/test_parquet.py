import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.sources import content_digest, read_source
from tests.makers.pair_layouts import elsewhere
from uwm.config import ParquetZeroShot
from uwm.errors import SourceError

LABELS = ["dog", "cat", "dog", "cow"]


def table(labels: list[Any], **columns: Any) -> pa.Table:
    return pa.table(
        {"image": [f"picture {row}".encode() for row in range(len(labels))], "label": labels}
        | columns
    )


def config(data: Path, **changes: Any) -> ParquetZeroShot:
    document = {"kind": "parquet", "name": "pets", "data": data, "template": "{}", **changes}
    return ParquetZeroShot.model_validate(document)


def test_a_file_of_bytes_and_names_is_read(tmp_path: Path) -> None:
    pq.write_table(table(LABELS), tmp_path / "a.parquet", row_group_size=3)
    source = read_source(config(tmp_path / "a.parquet"))
    assert source.texts["prompts"].tolist() == ["cat", "cow", "dog"]
    assert source.rows["label"].tolist() == [2, 0, 2, 1]
    assert [elsewhere(source).read(name) for name in source.images["images"]] == [
        f"picture {row}".encode() for row in range(4)
    ]


def test_shards_and_row_groups_change_nothing(tmp_path: Path) -> None:
    digests = set()
    for rows in (1, 2, 4):
        folder = tmp_path / str(rows)
        folder.mkdir()
        for start in range(0, 4, rows):
            part = table(LABELS).slice(start, rows)
            pq.write_table(part, folder / f"{start}.parquet", row_group_size=1 + rows // 2)
        digests.add(content_digest(read_source(config(folder))))
    assert len(digests) == 1


def test_numbers_take_their_names_from_the_list(tmp_path: Path) -> None:
    pq.write_table(table([2, 0, 2, 10]), tmp_path / "a.parquet")
    names = [f"class {number}" for number in range(11)]
    source = read_source(config(tmp_path / "a.parquet", classes=names))
    assert source.rows["label"].tolist() == [2, 0, 2, 10]
    assert len(source.texts) == 11  # classes without pictures compete too
    with pytest.raises(SourceError, match="say their names with `classes`"):
        read_source(config(tmp_path / "a.parquet"))
    with pytest.raises(SourceError, match="1 that it does not name, first '10'"):
        read_source(config(tmp_path / "a.parquet", classes=names[:10]))


def test_structs_with_bytes_and_other_columns_are_read(tmp_path: Path) -> None:
    pictures = [{"bytes": b"one", "path": "1.png"}, {"bytes": b"two", "path": None}]
    pq.write_table(pa.table({"img": pictures, "cls": ["a", "b"]}), tmp_path / "a.parquet")
    source = read_source(config(tmp_path / "a.parquet", image="img", label="cls"))
    assert [source.read(name) for name in source.images["images"]] == [b"one", b"two"]


def test_rows_without_a_label_are_counted(tmp_path: Path) -> None:
    pq.write_table(table(["dog", None, " ", "cat"]), tmp_path / "a.parquet")
    source = read_source(config(tmp_path / "a.parquet"))
    assert source.excluded == {"no label": 2}
    assert [source.read(name) for name in source.images["images"]] == [b"picture 0", b"picture 3"]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (pa.table({"image": [b"x"], "class": ["a"]}), "lacks label"),
        (pa.table({"image": ["x"], "label": ["a"]}), "should hold the bytes of pictures"),
        (pa.table({"image": [b"x"], "label": [0.5]}), "should hold names or numbers; it holds d"),
        (table(["dog", "dog"]), "1 classes and 2 pictures"),
        (table([]).cast(pa.schema({"image": pa.binary(), "label": pa.string()})), "0 classes"),
    ],
)
def test_a_table_that_cannot_be_used_is_told(tmp_path: Path, found: pa.Table, said: str) -> None:
    pq.write_table(found, tmp_path / "a.parquet")
    with pytest.raises(SourceError, match=said):
        read_source(config(tmp_path / "a.parquet"))


def test_a_file_that_is_no_parquet_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"no parquet at all")
    with pytest.raises(SourceError, match="not a readable Parquet file"):
        read_source(config(tmp_path / "a.parquet"))
    (tmp_path / "a.parquet").rename(tmp_path / "a.txt")
    with pytest.raises(SourceError, match=r"has no \.parquet file"):
        read_source(config(tmp_path))


def hub_metadata(label: Any) -> dict[str, str]:
    return {"huggingface": json.dumps({"info": {"features": {"label": label}}})}


def test_numbers_have_the_names_that_the_hub_keeps_of_them(tmp_path: Path) -> None:
    named = {"names": ["cat", "dog"], "_type": "ClassLabel"}
    held = table([1, 0, 1]).replace_schema_metadata(hub_metadata(named))
    pq.write_table(held, tmp_path / "test-00000-of-00001.parquet")
    source = read_source(config(tmp_path))
    assert source.texts["prompts"].tolist() == ["cat", "dog"]
    assert source.rows["label"].tolist() == [1, 0, 1]
    said = read_source(config(tmp_path, classes=["tom", "rex"]))
    assert said.texts["prompts"].tolist() == ["tom", "rex"]


@pytest.mark.parametrize(
    "label",
    [
        None,
        [],
        {"_type": "ClassLabel"},
        {"_type": "ClassLabel", "names": [1, 2]},
        {"_type": "Value"},
    ],
)
def test_names_that_are_none_are_not_taken_for_some(tmp_path: Path, label: Any) -> None:
    held = table([1, 0, 1]).replace_schema_metadata(hub_metadata(label))
    pq.write_table(held, tmp_path / "a.parquet")
    with pytest.raises(SourceError, match="say their names with `classes`"):
        read_source(config(tmp_path))
