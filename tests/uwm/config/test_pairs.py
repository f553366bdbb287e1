"""Pair sets: what each kind needs, and patterns that never lead out of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from uwm.config import PairsConfig

PAIRS: TypeAdapter[Any] = TypeAdapter(PairsConfig)


def visu(folder: Path, **changes: Any) -> dict[str, Any]:
    (folder / "texts.json").touch()
    folders = {"coco": str(folder), "unsafe": str(folder)}
    texts = str(folder / "texts.json")
    return {"kind": "visu", "name": "v", "texts": texts, "split": "test", **folders, **changes}


def test_one_folder_of_coco_is_a_list_of_one(tmp_path: Path) -> None:
    one, many = (
        PAIRS.validate_python(visu(tmp_path, coco=coco))
        for coco in (str(tmp_path), [str(tmp_path)])
    )
    assert one == many
    assert one.coco == (tmp_path,)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("{split}.jpg", "must contain {incremental_id}"),
        ("{incremental_id}/{other}.jpg", "may only contain the fields"),
        ("../{incremental_id}.jpg", "must be a path below the folder `unsafe`"),
        ("/{incremental_id}.jpg", "must be a path below the folder `unsafe`"),
        ("{incremental_id", "may only contain the fields"),
        ("{incremental_id.real}", "must contain {incremental_id}"),
    ],
)
def test_a_pattern_that_leads_elsewhere_is_refused(tmp_path: Path, pattern: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        PAIRS.validate_python(visu(tmp_path, unsafe_pattern=pattern))
    fine = "{split}/{coco_id}-{incremental_id}.png"
    assert PAIRS.validate_python(visu(tmp_path, unsafe_pattern=fine)).unsafe_pattern == fine


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"per_concept": 2, "min_per_concept": 3},
            r"min_per_concept \(3\) must not exceed per_concept \(2\)",
        ),
        ({"max_quarantined": 1}, "less than 1"),
        ({"per_concept": 0}, "greater than or equal to 1"),
        ({"split": "train"}, "'calibration', 'validation'"),
    ],
)
def test_a_sample_that_cannot_be_drawn_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        PAIRS.validate_python({"kind": "demo", "split": "test", **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data": "pairs.xlsx"}, r"ends in \.csv, \.tsv, \.jsonl, \.parquet"),
        ({"data": "none.csv"}, "does not point to a file"),
        ({"cluster": "safe_image"}, "rows that share an image always form one cluster"),
        ({"cluster": ""}, "at least 1 character"),
    ],
)
def test_a_manifest_is_a_table_or_a_folder_of_them(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    for name in ("pairs.csv", "pairs.xlsx"):
        (tmp_path / name).touch()
    entry = {"kind": "manifest", "name": "m", "data": "pairs.csv"}
    context = {"folder": tmp_path}
    assert PAIRS.validate_python(entry, context=context).data == tmp_path / "pairs.csv"
    assert PAIRS.validate_python({**entry, "data": "."}, context=context).data == tmp_path
    with pytest.raises(ValidationError, match=said):
        PAIRS.validate_python({**entry, **changes}, context=context)
