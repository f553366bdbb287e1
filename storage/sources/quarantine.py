"""Rows of a pair set that cannot be used, and why."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import pandas as pd

from storage.files.pictures import fault
from storage.sources.source import ReadImage, Source, sha256
from uwm.errors import SourceError

MAX_TEXT = 10_000
"""Characters of a text; no tokenizer here reads more than some hundreds."""
_TOLD = 10
_logger = logging.getLogger(__name__)


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
        found = _verdict(self._read, reference)
        return Fault(found.reason, f"{part}: {found.detail}") if isinstance(found, Fault) else found


def without_unreadable(source: Source, name: str, allowed: float) -> Source:
    """A zero-shot set without the pictures that cannot be read, which are counted and told.

    Args:
        name: of the set, for messages.
        allowed: the share of its pictures that may be left out; one always may.

    Raises:
        SourceError: more of them cannot be read.
    """
    if source.fingerprint is not None:  # of videos, which take minutes to look through
        return source
    references = source.images["images"].tolist()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(partial(_verdict, source.read, quick=True), references))
    bad = [
        (ref, *why) for ref, why in zip(references, found, strict=True) if isinstance(why, Fault)
    ]
    quarantined = pd.DataFrame(bad, columns=["id", "reason", "detail"], dtype="str")
    if len(bad) > max(1, allowed * len(references)):
        raise SourceError(
            f"{len(bad)} of {len(references)} pictures of {name} cannot be read; at most "
            f"{allowed:.1%} may be (`max_quarantined`):\n{listed(quarantined)}"
        )
    good = [row for row, why in enumerate(found) if not isinstance(why, Fault)]
    kept = dataclasses.replace(
        source,
        rows=source.rows.iloc[good].reset_index(drop=True),
        images=source.images.iloc[good].reset_index(drop=True),
        digests=pd.DataFrame({"images": [found[row] for row in good]}, dtype="str"),
    )
    if not bad:
        return kept
    _logger.warning("%s: %d left out:\n%s", name, len(bad), listed(quarantined))
    return dataclasses.replace(kept, excluded={**kept.excluded, "unreadable picture": len(bad)})


def _columns(table: pd.DataFrame) -> dict[str, list[str]]:
    return {str(name): column.tolist() for name, column in table.items()}


def _verdict(read: ReadImage, reference: str, *, quick: bool = False) -> str | Fault:
    """The SHA-256 of a picture's bytes, or why it cannot be used."""
    if not reference:
        return Fault("missing image", "none given")
    try:
        data = read(reference)
    except FileNotFoundError as error:
        return Fault("missing image", str(error))
    except OSError as error:
        return Fault("damaged image", str(error))
    digest = sha256(data)
    if (digest, quick) not in _VERDICTS:
        _VERDICTS[digest, quick] = fault(data, quick=quick)
    why = _VERDICTS[digest, quick]
    return digest if why is None else Fault("damaged image", why)


_VERDICTS: dict[tuple[str, bool], str | None] = {}
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
