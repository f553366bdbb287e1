"""Generic phrases that a repair of the text tower should leave alone: what zero-shot prompts are
like, made of the words of safe captions."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_SHORTEST = 3
"""Shorter words are particles in most languages that are written with spaces."""
_TEMPLATES = ("{}", "a picture of a {}")


def generic_phrases(captions: Iterable[str]) -> list[str]:
    """Every word of some captions by itself and in a plain sentence, each once, in order.

    Example:
        >>> generic_phrases(["A red ball.", "a ball"])
        ['ball', 'red', 'a picture of a ball', 'a picture of a red']
    """
    words = {word.lower() for caption in captions for word in _WORD.findall(caption)}
    kept = sorted(word for word in words if len(word) >= _SHORTEST)
    return [template.format(word) for template in _TEMPLATES for word in kept]


def preserved_phrases(
    captions: Iterable[str], phrases: Iterable[str] = (), *, words: bool = True
) -> list[str]:
    """Texts that are not to move, each once and sorted: given ones, and those of captions' words.

    Args:
        captions: the safe ones of the calibration pairs.
        words: whether `generic_phrases` of them are wanted.
    """
    return sorted({*phrases, *(generic_phrases(captions) if words else ())})
