from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from storage.sources import read_source
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
    with pytest.raises(ValidationError, match=r"\.csv, \.jsonl, \.parquet"):
        config(kind="manifest", data=tmp_path / "rows.xlsx")
