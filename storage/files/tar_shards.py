"""Tar shards as WebDataset writes them: an index of members by offset, and reads by offset.

Nothing is ever extracted, and names are keys only. Archives are untrusted: links, special files,
compressed and cut archives are refused, and so is whatever would need much memory to look at.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from storage.files.listing import is_hidden
from uwm.errors import SourceError
from uwm.git_lfs import REMEDY, is_pointer_file

MAX_MEMBER = 64 << 20
"""Bytes of one member; pictures of 50 megapixels are far smaller."""
MAX_MEMBERS = 1_000_000
_MAX_HEADER = 1 << 20
_BLOCK = 512


class Member(NamedTuple):
    """One file of a shard: `a/0001.seg.png` has the key `a/0001` and the suffix `seg.png`.

    Attributes:
        key: what the files of one sample share; the name up to the first dot of its last part.
        suffix: the rest in lower case, without the dot; empty where there is none.
        offset: of the content, in bytes from the start of the archive.
        size: of the content in bytes.
    """

    key: str
    suffix: str
    offset: int
    size: int


def index(shard: Path) -> list[Member]:
    """The files of an uncompressed tar archive, in its order; folders and hidden files apart.

    Raises:
        SourceError: the archive is unreadable, compressed, cut short or damaged, holds a link, a
            special or sparse file or a name that leads out of a folder, or is beyond the limits.
    """
    if is_pointer_file(shard):
        raise SourceError(f"{shard} {REMEDY}")
    try:
        with _Headers(shard) as headers, tarfile.open(fileobj=headers, mode="r:") as archive:
            members = list(_members(archive, shard))
            # tarfile takes a damaged or missing header for the end of the archive.
            headers.seek(archive.offset)
            if headers.read(_BLOCK) != bytes(_BLOCK):
                raise SourceError(
                    f"{shard} is damaged or cut short after its member {len(members)}: there is "
                    "neither another one nor an end mark. Make or copy it again."
                )
    except (OSError, tarfile.TarError) as error:
        raise SourceError(
            f"{shard} is not a readable tar archive: {error}. Shards are plain .tar files; "
            "decompress .tar.gz and the like first."
        ) from error
    return members


def samples(shard: Path) -> dict[str, dict[str, Member]]:
    """The files of a shard by key, then by suffix, in the order of the archive.

    Raises:
        SourceError: as `index`, or a sample has two files of one suffix.
    """
    found: dict[str, dict[str, Member]] = {}
    for member in index(shard):
        sample = found.setdefault(member.key, {})
        if member.suffix in sample:
            raise SourceError(
                f"a sample has one file per suffix; {shard} holds "
                f"{member.key}.{member.suffix} twice. Give every sample a key of its own."
            )
        sample[member.suffix] = member
    return found


def read(shard: Path, member: Member) -> bytes:
    """A member's content. Safe to call from many threads.

    Raises:
        SourceError: the archive has changed since it was indexed.
    """
    try:
        with shard.open("rb", buffering=0) as file:
            content = os.pread(file.fileno(), member.size, member.offset)
    except OSError as error:
        raise SourceError(f"{shard} cannot be read: {error.strerror}") from error
    if len(content) != member.size:
        raise SourceError(
            f"{shard} ends within {member.key}.{member.suffix}; it has changed. Run again."
        )
    return content


class _Headers(io.FileIO):
    """An archive of which only headers are read: tarfile believes the sizes that they claim."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= _MAX_HEADER:
            raise SourceError(
                f"{self.name} has a header of {size} bytes; the limit is {_MAX_HEADER}. "
                "Make the shard anew with plain names."
            )
        return super().read(size) or b""


def _members(archive: tarfile.TarFile, shard: Path) -> Iterator[Member]:
    for count, info in enumerate(archive, 1):
        if count > MAX_MEMBERS:
            raise SourceError(
                f"{shard} has more than {MAX_MEMBERS} members; split it into several shards"
            )
        if info.isdir():
            continue
        path = PurePosixPath(info.name)
        if not info.isreg() or info.issparse():
            raise SourceError(
                f"shards hold plain files; {info.name!r} in {shard} is a link, a special or a "
                "sparse file. Make the shard anew from the files themselves."
            )
        if path.is_absolute() or ".." in path.parts:
            raise SourceError(f"member names are relative; {info.name!r} in {shard} leads out")
        if any(map(is_hidden, path.parts)):
            continue
        if info.size > MAX_MEMBER:
            raise SourceError(
                f"{info.name!r} in {shard} has {info.size} bytes; the limit is {MAX_MEMBER}. "
                "Leave it out of the shard."
            )
        stem, _, suffix = path.name.partition(".")
        yield Member((path.parent / stem).as_posix(), suffix.lower(), info.offset_data, info.size)
