"""A data set before anything is decoded, and how its pictures are reached."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from uwm.errors import SourceError

ReadImage = Callable[[str], bytes]
"""An image reference to the file's bytes."""


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
        classes: what each text of a zero-shot set prompts for: `label` and `name` of its class.
        fingerprint: an image reference to bytes that decide what `read` gives, where those are
            quicker to have.
        official: how many samples the whole set has, where that is known.
    """

    rows: pd.DataFrame
    images: pd.DataFrame
    texts: pd.DataFrame
    read: ReadImage
    excluded: dict[str, int] = field(default_factory=dict)
    classes: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"label": [], "name": []}))
    fingerprint: ReadImage | None = None
    official: int | None = None


def content_digest(source: Source) -> str:
    """SHA-256 of all that a data set holds: rows, texts and every picture's bytes, in order."""
    digest = hashlib.sha256()
    for table in (source.rows, source.texts, source.classes):
        digest.update(table.to_json(orient="split", index=False).encode())
    read = source.fingerprint or source.read
    references = [name for column in source.images for name in source.images[column]]
    with ThreadPoolExecutor() as pool:  # hashing releases the interpreter
        for image in pool.map(lambda name: hashlib.sha256(read(name)).digest(), references):
            digest.update(image)
    digest.update(json.dumps([list(source.images), source.excluded]).encode())
    return digest.hexdigest()


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


def files(root: Path) -> ReadImage:
    root = root.resolve()

    def read(reference: str) -> bytes:
        path = (root / reference).resolve()
        if not path.is_relative_to(root):
            raise SourceError(f"pictures lie below {root}; {reference} leads out of it")
        return path.read_bytes()

    return read
