"""Words of sentences that depend on a number, and text that is safe to show."""

from __future__ import annotations

import unicodedata


def plural(count: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "row"), plural(2, "row")
    ('1 row', '2 rows')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def printable(text: str) -> str:
    """Text of anyone's for a terminal or a log: signs that act on it are written out.

    Control characters (an escape may colour, rename a window or hide lines), marks that turn the
    direction of text, and halves of surrogate pairs, which no encoding has. Breaks and tabs stay.

    >>> printable("a\\x1b[2Jb")
    'a\\\\x1b[2Jb'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(sign.encode("unicode_escape").decode() if _acts(sign) else sign for sign in text)


def _acts(sign: str) -> bool:
    if sign in "\n\t":
        return False
    return unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") or sign in _TURNING


_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks of direction: after one of them a line may read otherwise than it is written."""
