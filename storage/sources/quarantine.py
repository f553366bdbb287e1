"""Rows of a pair set that cannot be used, and why."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pandas as pd

from storage.files.pictures import fault
from storage.sources.source import Source, sha256
from uwm.errors import SourceError

MAX_TEXT = 10_000
"""Characters of a text; no tokenizer here reads more than some hundreds."""
_TOLD = 10


class Fault(NamedTuple):
    """Why a row cannot be used: one of a few reasons, which are counted, and the particulars."""

    reason: str
    detail: str


class Examined(NamedTuple):
    """A row's fault or None, and where it has none the SHA-256 of its pictures by partition."""

    fault: Fault | None
    digests: dict[str, str]


class Examiner:
    """Looks at rows of a pair source, on all cores.

    Its verdict depends on what a row holds, never on how pictures are referred to, and a picture is
    decoded once per process, however many sets and rows have it.

    Args:
        source: every row that there is, as its reader found it.
    """

    def __init__(self, source: Source) -> None:
        self._read = source.read
        self._repeated: list[bool] = source.rows["id"].duplicated().tolist()
        self._concepts: list[str] = source.rows["concept"].tolist()
        self._texts: dict[str, list[str]] = _columns(source.texts)
        self._images: dict[str, list[str]] = _columns(source.images)

    def __call__(self, rows: Sequence[int]) -> list[Examined]:
        """The verdicts on some rows, by position."""
        # Reading, hashing and decoding release the interpreter; a thread per core, no more, since
        # each may hold a picture of 50 megapixels.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(self._row, rows))

    def _row(self, row: int) -> Examined:
        if self._repeated[row]:
            return Examined(Fault("duplicate id", "an earlier row has it"), {})
        if not self._concepts[row]:
            return Examined(Fault("no concept", "its tag is empty"), {})
        for part, texts in self._texts.items():
            if found := _text_fault(texts[row], part):
                return Examined(found, {})
        digests = {}
        for part, references in self._images.items():
            digest = self._picture(references[row], part)
            if isinstance(digest, Fault):
                return Examined(digest, {})
            digests[part] = digest
        return Examined(None, digests)

    def _picture(self, reference: str, part: str) -> str | Fault:
        if not reference:
            return Fault("missing image", f"{part}: none given")
        try:
            data = self._read(reference)
        except FileNotFoundError as error:
            return Fault("missing image", f"{part}: {error}")
        except OSError as error:
            return Fault("damaged image", f"{part}: {error}")
        digest = sha256(data)
        if digest not in _VERDICTS:
            _VERDICTS[digest] = fault(data)
        why = _VERDICTS[digest]
        return digest if why is None else Fault("damaged image", f"{part}: {why}")


def _columns(table: pd.DataFrame) -> dict[str, list[str]]:
    return {str(name): column.tolist() for name, column in table.items()}


_VERDICTS: dict[str, str | None] = {}
"""What is wrong with a picture, by its bytes' SHA-256: preflight and run look at the same ones."""


def _text_fault(text: str, part: str) -> Fault | None:
    if not text.strip():
        return Fault("empty text", part)
    if len(text) > MAX_TEXT:
        return Fault("damaged text", f"{part}: {len(text)} characters; the limit is {MAX_TEXT}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return Fault("damaged text", f"{part}: not Unicode: {error.reason}")
    return None


def check_quarantine(quarantined: pd.DataFrame, rows: int, allowed: float) -> None:
    """Raise SourceError when more than a share `allowed` of `rows` rows is quarantined.

    Args:
        quarantined: `id`, `reason` and `detail`, as in `Source`.
    """
    if len(quarantined) > allowed * rows:
        raise SourceError(
            f"{len(quarantined)} of {rows} rows cannot be used ({len(quarantined) / rows:.1%}); "
            f"at most {allowed:.1%} may be (`max_quarantined`):\n{listed(quarantined)}"
        )


def listed(quarantined: pd.DataFrame) -> str:
    """The first ten quarantined rows with their reasons, a line each."""
    lines = [
        f"    {row.id}: {row.reason} ({row.detail})" for row in quarantined.head(_TOLD).itertuples()
    ]
    if more := len(quarantined) - len(lines):
        lines.append(f"    and {more} more")
    return "\n".join(lines)
