from pathlib import Path

import pytest

from storage.files.tables import read_table
from uwm.errors import SourceError


def table(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_csv_is_text_through_and_through(tmp_path: Path) -> None:
    path = table(tmp_path, "one.csv", "\ufeffa,b\n007,NA\n\n1.50,\n")
    assert read_table(path, ["a"], ["b", "c"]) == {"a": ["007", "1.50"], "b": ["NA", ""]}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("one.csv", "a,b\n1\n", "line 2 has 1 cells for 2 columns"),
        ("one.csv", "a,a\n1,2\n", "the column a stands twice"),
        ("one.csv", 'a\n"open', "not a readable csv"),
        ("one.csv", "a\n" + "x" * 200_000, "field larger than field limit"),
        ("one.csv", b"a\n\xff\xfe", "not a readable csv"),
        ("one.csv", "", "lacks a"),
        ("one.jsonl", '{"a": 1}\n{"a": \n', "line 2"),
        ("one.jsonl", "[1]\n", "line 1 is not an object"),
        ("one.jsonl", '{"a": ' + "[" * 100_000, "not a readable jsonl"),
        ("one.jsonl", "", "lacks a"),
        ("one.parquet", b"PAR1 and nothing else PAR1", "not a readable parquet"),
    ],
)
def test_what_is_no_table_is_told(
    tmp_path: Path, name: str, content: str | bytes, said: str
) -> None:
    with pytest.raises(SourceError, match=said):
        read_table(table(tmp_path, name, content), ["a"])
