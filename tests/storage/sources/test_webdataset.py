import json
from pathlib import Path
from typing import Any

import pytest

from storage.sources import read_source
from tests.makers.pair_layouts import config, jpeg, quadruples, shard, webdataset
from uwm.errors import SourceError

TEXTS = {"concept": "hate", "safe_text": "safe", "unsafe_text": "unsafe"}


def files(described: Any = TEXTS, **pictures: bytes) -> dict[str, bytes]:
    """The members of one quadruple, `a`; suffixes with _ for a dot."""
    named = pictures or {"safe_jpg": jpeg(0), "unsafe_jpg": jpeg(1)}
    members = {f"a.{suffix.replace('_', '.')}": content for suffix, content in named.items()}
    text = described if isinstance(described, str) else json.dumps(described)
    return {"a.json": text.encode(), **members}


def read(folder: Path, members: dict[str, bytes], **fields: Any) -> Any:
    shard(folder / "one.tar", members)
    return read_source(config(kind="webdataset", data=folder / "one.tar", **fields))


def test_shards_follow_each_other_by_name(tmp_path: Path) -> None:
    rows = quadruples(6)
    source = read_source(webdataset(tmp_path, rows))
    assert source.rows["id"].tolist() == [str(row.id) for row in rows]
    assert source.read(source.images["unsafe"][4]) == rows[4].pictures["unsafe"]


def test_a_single_shard_will_do_and_a_key_is_an_id(tmp_path: Path) -> None:
    source = read(tmp_path, files(safe_png=jpeg(0), unsafe_webp=jpeg(1)))
    assert source.rows.loc[0].tolist() == ["a", "hate"]


def test_a_key_without_a_picture_is_quarantined(tmp_path: Path) -> None:
    allowed = {"max_quarantined": 0.5, "min_per_concept": 0}
    other = {name.replace("a.", "b."): content for name, content in files().items()}
    source = read(tmp_path, files(safe_jpg=jpeg(0)) | other, **allowed)
    assert source.quarantined.to_numpy().tolist() == [["a", "missing image", "unsafe: none given"]]


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"a.safe.jpg": jpeg(0)}, r"every key has a \.json file.*a in .* only \.safe\.jpg"),
        (files("{"), "is not JSON"),
        (files("[" * 100_000), "is not JSON"),
        (files([1]), "lacks the braces"),
        (files({"concept": "hate"}), "lacks safe_text, unsafe_text"),
        (files(TEXTS | {"safe_text": {}}), "`safe_text` is text"),
        (files(safe_jpg=b"", safe_png=b""), r"one safe picture; a .* \.safe\.jpg, \.safe\.png"),
        ({}, "has no rows"),
        ({"../a.json": b"{}"}, "leads out"),
    ],
)
def test_what_is_no_quadruple_is_told(tmp_path: Path, members: dict[str, bytes], said: str) -> None:
    with pytest.raises(SourceError, match=said):
        read(tmp_path, members)


def test_what_a_mac_puts_beside_files_is_passed_over(tmp_path: Path) -> None:
    other = {name.replace("a.", "b."): content for name, content in files().items()}
    plain = files() | other
    hidden = {f"._{name}": b"\0\5\x16\7Mac OS X" for name in plain}
    hidden |= {f"__MACOSX/{name}": b"\0" for name in plain} | {".DS_Store": b"\0"}
    shard(tmp_path / "one.tar", hidden | plain)
    (tmp_path / "._one.tar").write_bytes(b"\0\5\x16\7")
    source = read_source(config(kind="webdataset", data=tmp_path))
    assert source.rows["id"].tolist() == ["a", "b"]


def test_keys_may_start_again_in_every_shard(tmp_path: Path) -> None:
    for name in ("00000.tar", "00001.tar"):
        shard(tmp_path / name, files())
    source = read_source(config(kind="webdataset", data=tmp_path))
    assert source.rows["id"].tolist() == ["00000/a", "00001/a"]
    assert source.quarantined.empty


def test_a_folder_without_shards_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no \.tar file"):
        read_source(config(kind="webdataset", data=tmp_path))
