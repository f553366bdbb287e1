"""A data set before anything is decoded, and how its pictures are reached."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from storage.files.pictures import MAX_BYTES
from uwm.errors import SourceError

ReadImage = Callable[[str], bytes]
"""An image reference to the file's bytes.

Raises FileNotFoundError where there is no such picture, OSError where it cannot be read, and
SourceError where the reference itself is hostile.
"""


def no_quarantine() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype="str") for name in ("id", "reason", "detail")})


def no_classes() -> pd.DataFrame:
    return pd.DataFrame({"label": pd.Series(dtype="int64"), "name": pd.Series(dtype="str")})


@dataclass(frozen=True)
class Source:
    """A data set before anything is decoded.

    Attributes:
        rows: one row per sample: `id` and `concept`, or `label` (a number) and `times`, how often
            the set counts the sample.
        images: one column of image references per partition, rows as in `rows`.
        texts: one column of texts per partition: as many rows as `rows`, or as `classes`.
        read: an image reference to bytes.
        excluded: how many rows were left out, by reason.
        quarantined: the rows of a pair set that were left out: `id`, `reason` and `detail`, which
            says in which partition and why.
        classes: what each text of a zero-shot set prompts for: `label` and `name` of its class.
        official: how many samples the whole of a zero-shot set has, where that is known.
        fingerprint: an image reference to bytes that decide what `read` gives, where those are
            quicker to have.
        digests: SHA-256 of the bytes behind each of `images`, see `picture_digests`.
    """

    rows: pd.DataFrame
    images: pd.DataFrame
    texts: pd.DataFrame
    read: ReadImage
    excluded: dict[str, int] = field(default_factory=dict)
    quarantined: pd.DataFrame = field(default_factory=no_quarantine)
    classes: pd.DataFrame = field(default_factory=no_classes)
    official: int | None = None
    fingerprint: ReadImage | None = None
    digests: pd.DataFrame | None = None


def digested(source: Source) -> Source:
    """`source` with its `digests`, so that they are worked out once."""
    return dataclasses.replace(source, digests=picture_digests(source))


def picture_digests(source: Source) -> pd.DataFrame:
    """SHA-256 of every picture's bytes (or `fingerprint`) by partition; reads them all, unless
    `digests` is there.
    """
    if source.digests is not None:
        return source.digests
    read = source.fingerprint or source.read
    with ThreadPoolExecutor() as pool:  # hashing releases the interpreter
        found = {
            part: list(pool.map(lambda reference: sha256(read(reference)), references))
            for part, references in source.images.items()
        }
    return pd.DataFrame(found, columns=list(source.images), dtype="str")


def content_digest(source: Source) -> str:
    """SHA-256 of all that a data set holds: rows, texts, every picture's bytes, what was left out.

    How pictures are referred to does not enter: the same data in files, in a table or in shards
    has the same digest.
    """
    digest = hashlib.sha256()
    quarantined = source.quarantined[["id", "reason"]]
    for table in (source.rows, source.texts, source.classes, picture_digests(source), quarantined):
        digest.update(table.to_json(orient="split", index=False).encode())
    digest.update(json.dumps(source.excluded, sort_keys=True).encode())
    return digest.hexdigest()


def unchanged(source: Source, reference: str, digest: str) -> bytes:
    """The bytes of a picture that had this SHA-256 when the data set was digested.

    Raises:
        SourceError: they cannot be read any more, or they have changed.
    """
    try:
        data = source.read(reference)
        decisive = source.fingerprint(reference) if source.fingerprint else data
    except OSError as error:
        raise SourceError(f"{reference} can no longer be read: {error}. Run again.") from error
    if sha256(decisive) != digest:
        raise SourceError(
            f"a run reads its data more than once; {reference} has changed meanwhile. Run again."
        )
    return data


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def references(table: pd.DataFrame, **columns: str) -> pd.DataFrame:
    """References ROW/COLUMN into a table whose cells are pictures."""
    return pd.DataFrame(
        {part: [f"{row}/{column}" for row in range(len(table))] for part, column in columns.items()}
    )


def cells(table: pd.DataFrame) -> ReadImage:
    def read(reference: str) -> bytes:
        row, column = reference.split("/")
        return bytes(table[column].iloc[int(row)])

    return read


def files(*roots: Path) -> ReadImage:
    """Paths relative to a folder; of several the first that has the file.

    Backslashes part folders where no file has them in its name, as in tables written on Windows.
    Reading raises OSError for a file that is not there or is larger than `MAX_BYTES`, SourceError
    for a path that leads out of its folder.
    """
    folders = [root.resolve() for root in roots]

    def read(reference: str) -> bytes:
        for spelt in dict.fromkeys((reference, reference.replace("\\", "/"))):
            for root in folders:
                path = within(root, spelt)
                if path.is_file():  # no folder, and no pipe that would never end
                    if (size := path.stat().st_size) > MAX_BYTES:
                        raise OSError(f"{size} bytes; the limit is {MAX_BYTES}")
                    return path.read_bytes()
        raise FileNotFoundError(f"{reference} is not in {' or '.join(map(str, folders))}")

    return read


def within(root: Path, reference: str) -> Path:
    """`reference` below `root`, which has no links in it.

    Raises:
        SourceError: it leads out, through `..` or a link, or is not a path.
    """
    try:
        path = (root / reference).resolve()
    except (ValueError, RuntimeError, OSError) as error:  # a NUL, a loop of links, too long
        raise SourceError(f"{reference!r} is not a path below {root}: {error}") from error
    if not path.is_relative_to(root):
        raise SourceError(f"pictures lie below {root}; {reference} leads out of it")
    return path
