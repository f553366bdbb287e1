import json
from pathlib import Path
from typing import Any

import pytest

from storage.sources import read_source
from tests.makers.pair_layouts import config, quadruples, visu, visu_entries
from uwm.config import VisuPairs
from uwm.errors import SourceError


def with_json(folder: Path, content: Any, **fields: Any) -> VisuPairs:
    found = visu(folder, quadruples(6), **fields)
    assert isinstance(found, VisuPairs)
    found.texts.write_text(content if isinstance(content, str) else json.dumps(content))
    return found


@pytest.mark.parametrize("form", ["list", "numbered", "under data", "list under data", "info"])
def test_every_form_of_the_json_file_is_read(tmp_path: Path, form: str) -> None:
    rows = quadruples(6)
    entries = visu_entries(rows)
    numbered = {str(entry["incremental_id"]): entry for entry in entries}
    content = {
        "list": entries,
        "numbered": numbered,
        "under data": {"data": numbered},
        "list under data": {"data": entries},
        "info": {"info": {"version": "1.0"}, "data": numbered},  # as Safe-CLIP's loader reads it
    }[form]
    source = read_source(with_json(tmp_path, content))
    assert source.rows["id"].tolist() == [str(row.id) for row in rows]
    assert source.texts["unsafe"].tolist() == [row.texts["unsafe"] for row in rows]
    for part in ("safe", "unsafe"):
        pictures = [source.read(reference) for reference in source.images[part]]
        assert pictures == [row.pictures[part] for row in rows]


def test_tags_are_compared_without_case_and_kept_as_misspelt(tmp_path: Path) -> None:
    entries = visu_entries(quadruples(6))
    tags = ["Hate", "hate", "HATE ", "Bodily Bluids", "blood", "hate"]
    for entry, tag in zip(entries, tags, strict=True):
        entry["tag"] = tag
    source = read_source(with_json(tmp_path, entries))
    counts = source.rows["concept"].value_counts().to_dict()
    assert counts == {"hate": 4, "bodily bluids": 1, "blood": 1}


def test_the_place_of_unsafe_pictures_can_be_said(tmp_path: Path) -> None:
    found = visu(
        tmp_path, quadruples(6), unsafe_pattern="{split}/{incremental_id:06d}-{coco_id}.jpg"
    )
    for row in quadruples(6):
        (tmp_path / f"train/{row.id:06d}-{row.coco_id}.jpg").write_bytes(row.pictures["unsafe"])
    source = read_source(found)
    assert source.images["unsafe"][1] == "unsafe/train/001001-7.jpg"
    assert source.read(source.images["unsafe"][1]) == quadruples(2)[1].pictures["unsafe"]


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("{split}/0.jpg", "must contain {incremental_id}"),
        ("{incremental_id}/{other}.jpg", "may only contain the fields"),
        ("{incremental_id.__class__}/0.jpg", "must contain {incremental_id}"),
        ("../{incremental_id}.jpg", "must be a path below the folder `unsafe`"),
        ("/{incremental_id}.jpg", "must be a path below the folder `unsafe`"),
        ("{incremental_id", "may only contain the fields"),
        ("{}/{incremental_id}", "may only contain the fields"),
    ],
)
def test_a_pattern_that_cannot_be_is_told(tmp_path: Path, pattern: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        visu(tmp_path, quadruples(1), unsafe_pattern=pattern)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not a readable JSON"),
        ("[" * 100_000, "not a readable JSON"),
        ([], "has no rows"),
        ("5", "first the file"),
        ([{"incremental_id": 0, "coco_id": 1, "safe": "a", "nsfw": "b"}], r"first 0\.tag"),
        ([{"incremental_id": "../x", "coco_id": 1, "safe": "a", "nsfw": "b", "tag": "c"}], "0.inc"),
        ([{"incremental_id": -1, "coco_id": 1, "safe": "a", "nsfw": "b", "tag": "c"}], "0.inc"),
    ],
)
def test_what_is_not_visu_text_is_told(tmp_path: Path, content: Any, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        read_source(with_json(tmp_path, content))


def test_the_row_that_visu_leaves_without_a_text_is_quarantined(tmp_path: Path) -> None:
    entries = visu_entries(quadruples(6))
    entries[2]["nsfw"], entries[4]["nsfw"] = "", None
    source = read_source(with_json(tmp_path, entries, max_quarantined=0.5))
    assert source.excluded == {"empty text": 2}


def test_one_coco_folder_may_be_given_bare(tmp_path: Path) -> None:
    found = visu(tmp_path, quadruples(1))
    assert isinstance(found, VisuPairs)
    bare = config(**found.model_dump() | {"coco": found.coco[1]})
    assert isinstance(bare, VisuPairs)
    assert bare.coco == (found.coco[1],)


@pytest.mark.parametrize("year", ["train2014", "val2014"])
def test_pictures_may_have_the_names_of_coco_2014(tmp_path: Path, year: str) -> None:
    rows = quadruples(6)
    found = with_json(tmp_path, visu_entries(rows))
    for path in (tmp_path / "coco").glob("*/*.jpg"):
        path.rename(path.with_name(f"COCO_{year}_{path.name}"))
    source = read_source(found)
    assert [source.read(name) for name in source.images["safe"]] == [
        row.pictures["safe"] for row in rows
    ]


def test_an_unsafe_picture_may_be_where_its_entry_says(tmp_path: Path) -> None:
    rows = quadruples(6)
    entries = visu_entries(rows)
    for number, entry in enumerate(entries):
        entry["nsfw_im_path"] = f"made/{number}.jpg"
    found = with_json(tmp_path, entries)
    (tmp_path / "made").mkdir()
    for number, row in enumerate(rows):
        (found.unsafe / f"train/sd-ntsw/unsafe/original/{row.id}/0.jpg").rename(
            tmp_path / f"made/{number}.jpg"
        )
    source = read_source(found)
    assert [source.read(name) for name in source.images["unsafe"]] == [
        row.pictures["unsafe"] for row in rows
    ]
    entries[0]["nsfw_im_path"] = "../secret.jpg"
    found.texts.write_text(json.dumps(entries))
    with pytest.raises(SourceError, match="leads out of it"):
        read_source(found)
