import json
import os
from pathlib import Path

import pytest

from storage.files.pictures import MAX_BYTES
from storage.sources import content_digest, read_source
from storage.sources.source import files, unchanged
from tests.makers.pair_layouts import LAYOUTS, config, elsewhere, jpeg, quadruples, tables
from uwm.errors import SourceError


@pytest.mark.parametrize("per_concept", [None, 2])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_same_data_has_one_digest_however_it_is_laid_out(
    tmp_path: Path, layout: str, per_concept: int | None
) -> None:
    rows, other = quadruples(), quadruples()
    other[7].pictures["unsafe"] = jpeg(99)
    source = read_source(LAYOUTS[layout](tmp_path / "one", rows, per_concept=per_concept))
    expected = read_source(LAYOUTS["csv"](tmp_path / "csv", rows, per_concept=per_concept))
    assert content_digest(source) == content_digest(expected)
    assert content_digest(elsewhere(source)) == content_digest(expected)
    assert source.rows.equals(expected.rows)
    assert source.texts.equals(expected.texts)
    changed = read_source(LAYOUTS[layout](tmp_path / "other", other))
    whole = read_source(LAYOUTS[layout](tmp_path / "whole", rows))
    assert content_digest(changed) != content_digest(whole)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_quarantined_is_the_same_however_it_is_laid_out(
    tmp_path: Path, layout: str
) -> None:
    rows = quadruples()
    rows[1].texts["unsafe"] = "  "
    rows[2].pictures["safe"] = b"no picture"
    rows[3].id = rows[0].id
    rows[3].pictures = rows[0].pictures  # its file has the same name in some layouts
    rows[4].concept = ""
    allowed = {"max_quarantined": 0.5, "min_per_concept": 0}
    source = read_source(LAYOUTS[layout](tmp_path, rows, **allowed))
    assert source.quarantined["id"].tolist() == ["1001", "1002", "1000", "1004"]
    assert source.quarantined["reason"].tolist()[:2] == ["empty text", "damaged image"]
    assert source.excluded["no concept"] == 1
    assert len(source.rows) == 8


def test_the_digest_is_of_content_not_of_place(tmp_path: Path) -> None:
    one, other = tables(tmp_path / "one"), tables(tmp_path / "other")
    assert content_digest(read_source(one)) == content_digest(read_source(other))
    (tmp_path / "other" / "images" / "safe1.png").write_bytes(jpeg(1))
    assert content_digest(read_source(one)) != content_digest(read_source(other))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_bytes(b"secret")
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "up").symlink_to(tmp_path)
    (root / "loop").symlink_to(root / "loop")
    (root / "folder").mkdir()
    (root / "one").write_bytes(b"one")
    (root / "inner").symlink_to(root / "one")
    return root


@pytest.mark.parametrize("reference", ["../secret", "/etc/hostname", "link", "up/secret", "a\0b"])
def test_what_lies_outside_the_root_is_never_read(root: Path, reference: str) -> None:
    with pytest.raises(SourceError, match=r"leads out of it|is not a path"):
        files(root)(reference)


PLAIN = r"""
../secret ../../secret ./../secret folder/../../secret folder/./../../secret ..//secret .././secret
folder//..//..//secret one/../../secret nothing/../../secret link up/secret up/root/../secret
folder/../up/secret inner/../../secret loop loop/x . .. / ..\secret folder\..\..\secret ..\/secret
.\..\secret folder/..\../secret //etc/hostname /etc/hostname ///etc/hostname /proc/self/environ
/dev/zero \etc\hostname C:\secret C:/secret \\host\share\secret //host/share/secret ~/secret
file:///etc/hostname file:../secret http://127.0.0.1:9/secret ~root/.profile %2e%2e/secret
..%2fsecret ..%5csecret %252e%252e/secret ..;/secret ....//secret $HOME/secret `cat$IFS../secret`
* ? [a-z]* {one,../secret}
"""
TRAVERSALS = [
    *PLAIN.split(),
    *(
        "..\u2215secret",
        "\uff0e\uff0e/secret",
        "..\uff0fsecret",
        "\u202e../secret",
        "..\u200b/secret",
    ),
    *("a\0b", "../secret\0.jpg", "one\0/../../secret", "\ud800", "a\n../secret", " ../secret"),
    *("../secret ", "a" * 300, "a/" * 3000 + "b", "../" * 2000 + "etc/hostname", ""),
]


@pytest.mark.parametrize("reference", TRAVERSALS)
def test_no_spelling_of_a_path_reads_what_lies_outside(root: Path, reference: str) -> None:
    """It is refused, or there is no such picture; it never is anyone's file."""
    with pytest.raises((SourceError, OSError)):
        files(root)(reference)


@pytest.mark.parametrize("reference", TRAVERSALS)
def test_a_row_with_such_a_path_is_told_or_set_aside(root: Path, reference: str) -> None:
    rows = [
        {
            "concept": "c",
            "safe_text": "a",
            "unsafe_text": "b",
            "safe_image": path,
            "unsafe_image": path,
        }
        for path in ("one.jpg", reference)
    ]
    (root / "one.jpg").write_bytes(jpeg(0))
    (root / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    manifest = config(kind="manifest", data=root / "rows.jsonl", max_quarantined=0.9)
    try:
        found = read_source(manifest)
    except SourceError:
        return
    assert len(found.rows) == 1
    assert found.excluded.keys() <= {"missing image", "damaged image"}


@pytest.mark.parametrize("reference", ["nothing", "folder", "", "pipe"])
def test_only_files_are_pictures(root: Path, reference: str) -> None:
    os.mkfifo(root / "pipe")
    with pytest.raises(FileNotFoundError, match="is not in"):
        files(root)(reference)


def test_a_link_that_stays_inside_is_followed(root: Path) -> None:
    assert files(root)("inner") == b"one"


def test_a_huge_file_is_refused_before_it_is_read(root: Path) -> None:
    with (root / "huge").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(OSError, match="the limit is"):
        files(root)("huge")


def test_of_several_roots_the_first_that_has_the_file_gives_it(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "one").write_bytes(b"another")
    (other / "two").write_bytes(b"two")
    assert [files(root, other)(name) for name in ("one", "two")] == [b"one", b"two"]


def test_a_picture_that_changed_since_it_was_digested_is_noticed(tmp_path: Path) -> None:
    source = read_source(tables(tmp_path))
    assert source.digests is not None
    digest = source.digests["safe"][1]
    assert unchanged(source, "safe1.png", digest) == source.read("safe1.png")
    picture = tmp_path / "images" / "safe1.png"
    picture.write_bytes(jpeg(5))
    with pytest.raises(SourceError, match="has changed meanwhile"):
        unchanged(source, "safe1.png", digest)
    picture.unlink()
    with pytest.raises(SourceError, match="can no longer be read"):
        unchanged(source, "safe1.png", digest)


def test_two_thousand_quadruples_of_visu_are_the_same_in_files_and_shards(tmp_path: Path) -> None:
    rows = quadruples(2000)
    digests = {
        layout: content_digest(read_source(LAYOUTS[layout](tmp_path / layout, rows)))
        for layout in ("visu", "csv", "webdataset")
    }
    assert len(set(digests.values())) == 1, digests
