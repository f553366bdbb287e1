from pathlib import Path
from typing import Any

import pytest

from storage.sources import content_digest, read_source, without_unreadable
from storage.sources.quarantine import MAX_TEXT
from tests.makers.folders import LFS_POINTER
from tests.makers.pair_layouts import jpeg, manifest, quadruples
from uwm.config import FolderZeroShot
from uwm.errors import SourceError


def broken(folder: Path, row: int, **fields: Any) -> Any:
    """A manifest of 40 quadruples, with the text or the picture of a row to be broken."""
    rows = quadruples(40)
    text, picture = fields.pop("text", None), fields.pop("picture", None)
    if text is not None:
        rows[row].texts["unsafe"] = text
    if picture is not None:
        rows[row].pictures["unsafe"] = picture
    return manifest(folder, rows, ".jsonl", **fields)


@pytest.mark.parametrize(
    ("fields", "reason", "detail"),
    [
        ({"text": " \n"}, "empty text", "unsafe"),
        ({"text": "x" * (MAX_TEXT + 1)}, "damaged text", "the limit is 10000"),
        ({"text": "\ud800"}, "damaged text", "not Unicode"),
        ({"picture": b""}, "damaged image", "unsafe: unknown format"),
        ({"picture": jpeg(3)[:300]}, "damaged image", "unsafe: Truncated"),
        ({"picture": jpeg(3, (101, 1))}, "damaged image", "101x1 pixels"),
    ],
)
def test_a_row_that_cannot_be_used_is_set_aside_with_its_reason(
    tmp_path: Path, fields: dict[str, Any], reason: str, detail: str
) -> None:
    source = read_source(broken(tmp_path, 7, max_quarantined=0.025, **fields))
    assert source.quarantined[["id", "reason"]].to_numpy().tolist() == [["1007", reason]]
    assert detail in source.quarantined["detail"][0]
    assert source.excluded == {reason: 1}
    assert "1007" not in source.rows["id"].tolist()
    assert len(source.rows) == 39


@pytest.mark.parametrize(("allowed", "stops"), [(0.025, False), (0.0249, True), (0.0, True)])
def test_more_than_the_share_stops_the_run(tmp_path: Path, allowed: float, stops: bool) -> None:
    config = broken(tmp_path, 7, text="", max_quarantined=allowed)
    if not stops:
        assert len(read_source(config).rows) == 39
        return
    with pytest.raises(SourceError, match=r"1 of 40 rows cannot be used \(2\.5%\)"):
        read_source(config)


def test_the_first_ten_reasons_are_told(tmp_path: Path) -> None:
    config: Any = manifest(tmp_path, quadruples(30))
    for row in range(5, 25):
        (tmp_path / "images" / "safe" / f"{1000 + row}.jpg").unlink()
    with pytest.raises(SourceError, match="20 of 30 rows") as caught:
        read_source(config)
    lines = str(caught.value).splitlines()[1:]
    assert [line.split(":")[0].strip() for line in lines[:-1]] == [
        str(id) for id in range(1005, 1015)
    ]
    assert all("missing image (safe: safe/" in line for line in lines[:-1])
    assert lines[-1].strip() == "and 10 more"


def labelled(folder: Path, pictures: list[bytes]) -> FolderZeroShot:
    """Labelled pictures of two classes, in turn."""
    for number, content in enumerate(pictures):
        path = folder / "ab"[number % 2] / f"{number:02d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return FolderZeroShot(kind="folder", name="pets", images=folder)


BAD = {
    "no picture": b"not a picture",
    "empty": b"",
    "cut": jpeg(9)[:300],
    "too long": jpeg(9, (101, 1)),
    "a pointer": LFS_POINTER,
}


@pytest.mark.parametrize("kind", BAD)
def test_a_zero_shot_picture_that_cannot_be_read_is_left_out_and_told(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = read_source(labelled(tmp_path, [*map(jpeg, range(5)), BAD[kind], jpeg(7)]))
    found = without_unreadable(source, "pets", 0.02)
    assert found.excluded == {"unreadable picture": 1}
    assert found.rows["label"].tolist() == [0, 0, 0, 0, 1, 1]
    assert found.digests is not None
    assert len(found.digests) == len(found.images) == 6
    assert "pets: 1 left out" in caplog.text
    assert "b/05.jpg" in caplog.text


def test_too_many_pictures_that_cannot_be_read_are_listed(tmp_path: Path) -> None:
    source = read_source(labelled(tmp_path, [*map(jpeg, range(38)), *[b"no"] * 12]))
    with pytest.raises(SourceError, match=r"12 of 50 pictures of pets(.|\n)*and 2 more"):
        without_unreadable(source, "pets", 0.2)
    assert len(without_unreadable(source, "pets", 0.24).rows) == 38


def test_pictures_that_are_all_readable_change_nothing(tmp_path: Path) -> None:
    source = read_source(labelled(tmp_path, [*map(jpeg, range(4))]))
    assert content_digest(without_unreadable(source, "pets", 0)) == content_digest(source)
