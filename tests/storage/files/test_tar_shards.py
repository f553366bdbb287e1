import gzip
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storage.files import tar_shards
from storage.files.tar_shards import Member, index, read, samples
from tests.makers.shards import add, write_shard
from uwm.errors import SourceError

FILES = {"./a/0001.jpg": b"one", "a/0001.seg.PNG": b"mask", "b": b"", "a/0002.jpg": b"x" * 1000}


def test_every_file_is_found_and_read_by_its_offset(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "s.tar", FILES)
    members = index(shard)
    assert [(member.key, member.suffix) for member in members] == [
        ("a/0001", "jpg"),
        ("a/0001", "seg.png"),
        ("b", ""),
        ("a/0002", "jpg"),
    ]
    assert [read(shard, member) for member in members] == list(FILES.values())


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_tar_format_is_read(tmp_path: Path, format: int) -> None:
    name = f"{'long' * 20}/{'name' * 10}.jpg"
    with tarfile.open(tmp_path / "s.tar", "w", format=format) as archive:
        add(archive, "folder", type=tarfile.DIRTYPE)
        add(archive, name, b"content")
    (member,) = index(tmp_path / "s.tar")
    assert f"{member.key}.jpg" == name
    assert read(tmp_path / "s.tar", member) == b"content"


def test_files_of_one_key_are_one_sample(tmp_path: Path) -> None:
    found = samples(write_shard(tmp_path / "s.tar", FILES))
    assert {key: list(files) for key, files in found.items()} == {
        "a/0001": ["jpg", "seg.png"],
        "b": [""],
        "a/0002": ["jpg"],
    }


def test_a_suffix_stands_once_in_a_sample(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "s.tar", {"1.jpg": b"", "1.JPG": b""})
    with pytest.raises(SourceError, match=r"1\.jpg twice"):
        samples(shard)


@pytest.mark.parametrize("cut", [1, 512, 1000, 1024, 2048, 5000])
def test_an_archive_cut_anywhere_is_refused(tmp_path: Path, cut: int) -> None:
    shard = write_shard(tmp_path / "s.tar", FILES)
    end = max(member.offset + member.size for member in index(shard))
    shard.write_bytes(shard.read_bytes()[: max(0, end + 24 - cut)])  # 24: to the block's end
    with pytest.raises(SourceError, match=r"cut short|not a readable tar"):
        index(shard)


def test_a_damaged_header_is_not_taken_for_the_end(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "s.tar", FILES)
    content = bytearray(shard.read_bytes())
    content[index(shard)[1].offset - 300] ^= 1
    shard.write_bytes(content)
    with pytest.raises(SourceError, match="after its member 1"):
        index(shard)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "1.jpg", "type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "plain files"),
        ({"name": "1.jpg", "type": tarfile.LNKTYPE, "linkname": "0.jpg"}, "plain files"),
        ({"name": "1.jpg", "type": tarfile.FIFOTYPE}, "plain files"),
        ({"name": "1.jpg", "type": tarfile.CHRTYPE}, "plain files"),
        ({"name": "1.jpg", "type": tarfile.BLKTYPE}, "plain files"),
        ({"name": "1.jpg", "type": tarfile.GNUTYPE_SPARSE}, "plain files|not a readable tar"),
        ({"name": ".hidden", "type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "plain files"),
        ({"name": "a/../../1.jpg"}, "leads out"),
        ({"name": "a/.."}, "leads out"),
        ({"name": "..", "type": tarfile.REGTYPE}, "leads out"),
        ({"name": "/etc/passwd"}, "leads out"),
        ({"name": "._/../1.jpg"}, "leads out"),
        ({"name": "../1.jpg"}, "leads out"),
        ({"name": "/1.jpg"}, "leads out"),
    ],
)
def test_hostile_members_are_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with tarfile.open(tmp_path / "s.tar", "w") as archive:
        add(archive, str(changes.pop("name")), **changes)
    with pytest.raises(SourceError, match=said):
        index(tmp_path / "s.tar")


def too_large(path: Path) -> None:
    with path.open("wb") as file:
        info = tarfile.TarInfo("1.jpg")
        info.size = tar_shards.MAX_MEMBER + 1
        file.write(info.tobuf())
        file.truncate(info.size + 4096)


def huge_header(path: Path) -> None:
    with path.open("wb") as file:  # sparse on disk: the reader must not believe the size
        info = tarfile.TarInfo("long name")
        info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 32
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        file.truncate((1 << 32) + 4096)


@pytest.mark.parametrize(("write", "said"), [(too_large, "the limit"), (huge_header, "a header")])
def test_what_would_fill_the_memory_is_refused(
    tmp_path: Path, write: Callable[[Path], None], said: str
) -> None:
    write(tmp_path / "s.tar")
    with pytest.raises(SourceError, match=said):
        index(tmp_path / "s.tar")


def test_the_number_of_members_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar_shards, "MAX_MEMBERS", 3)
    with pytest.raises(SourceError, match="more than 3 members"):
        index(write_shard(tmp_path / "s.tar", FILES))


@pytest.mark.parametrize(
    "content",
    [b"", b"no archive", gzip.compress(b"\0" * 10240)],
    ids=["empty", "text", "compressed"],  # gzip writes the time down, and ids must not change
)
def test_what_is_no_plain_tar_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s.tar").write_bytes(content)
    with pytest.raises(SourceError, match="not a readable tar archive"):
        index(tmp_path / "s.tar")
    with pytest.raises(SourceError, match="not a readable tar archive"):
        index(tmp_path / "missing.tar")


def test_a_shard_that_changed_is_noticed(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "s.tar", FILES)
    with pytest.raises(SourceError, match="has changed"):
        read(shard, Member("a/0002", "jpg", shard.stat().st_size - 10, 1000))
