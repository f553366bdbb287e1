"""Names and templates beside a set's data give way to a configuration's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.sources.zeroshot.beside import (
    NAMES,
    TEMPLATES,
    USUAL_TEMPLATES,
    label_names,
    names_of,
    numbered,
    templates_of,
)
from uwm.config import FolderZeroShot
from uwm.errors import SourceError


def config(folder: Path, **changes: Any) -> FolderZeroShot:
    entry = {"kind": "folder", "name": "mine", "images": str(folder), **changes}
    return FolderZeroShot.model_validate(entry)


def test_without_any_there_are_the_usual_templates_and_no_names(tmp_path: Path) -> None:
    assert templates_of(config(tmp_path), tmp_path) == USUAL_TEMPLATES
    assert names_of(config(tmp_path), tmp_path) is None


@pytest.mark.parametrize("deeper", [False, True])
def test_what_lies_beside_the_data_is_read(tmp_path: Path, deeper: bool) -> None:
    data = tmp_path / "test" if deeper else tmp_path
    data.mkdir(exist_ok=True)
    (tmp_path / NAMES).write_text("cat\ndog\n")
    (tmp_path / TEMPLATES).write_text("a {c}.\nthe {c}!\n")
    assert (
        names_of(config(tmp_path), data)
        == numbered(["cat", "dog"])
        == (
            ("0", "cat"),
            ("1", "dog"),
        )
    )
    assert templates_of(config(tmp_path), data) == ("a {}.", "the {}!")
    given = config(tmp_path, template="my {}", classes={"a": "ape", "b": "bee"})
    assert templates_of(given, data) == ("my {}",)
    assert names_of(given, data) == given.classes


@pytest.mark.parametrize("line", ["a photo", "{c} and {c}"])
def test_a_template_without_one_place_is_told(tmp_path: Path, line: str) -> None:
    (tmp_path / TEMPLATES).write_text(line + "\n")
    with pytest.raises(SourceError, match=r"has one \{c\} for the class name"):
        templates_of(config(tmp_path), tmp_path)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (
            b'{"info": {"features": {"label": {"_type": "ClassLabel", "names": ["a", "b"]}}}}',
            (("0", "a"), ("1", "b")),
        ),
        (b'{"info": {"features": {"label": {"_type": "Value", "names": ["a"]}}}}', None),
        (b'{"info": {"features": {"label": {"_type": "ClassLabel", "names": [1]}}}}', None),
        (b"{", None),
        (None, None),
    ],
)
def test_what_a_parquet_file_calls_its_labels(
    tmp_path: Path, written: bytes | None, found: object
) -> None:
    table = pa.table({"label": [0, 1]})
    if written is not None:
        table = table.replace_schema_metadata({b"huggingface": written})
    pq.write_table(table, tmp_path / "a.parquet")
    assert label_names(tmp_path / "a.parquet", "label") == found
