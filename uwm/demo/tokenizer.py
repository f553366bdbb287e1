"""A small byte-pair vocabulary in the file format of open_clip's SimpleTokenizer."""

import gzip
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

_BYTES = 512  # every byte, inside a word and at its end
_SPECIAL = 2  # start and end of text
_END = "</w>"


def learn_merges(words: Iterable[str]) -> list[tuple[str, str]]:
    """Byte-pair merges, most frequent pair first, until each of `words` is one token.

    Ties go to the pair that sorts first, so the result depends on the words alone.
    """
    spelled = [[*word[:-1], word[-1] + _END] for word in sorted(set(words))]
    merges: list[tuple[str, str]] = []
    while pairs := Counter(pair for word in spelled for pair in pairwise(word)):
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        spelled = [_merged(word, best) for word in spelled]
    return merges


def write_merges(path: Path, merges: list[tuple[str, str]]) -> int:
    """Write `merges` to `path` (gzip, no time stamp) and return the size of the vocabulary.

    SimpleTokenizer skips the first line and takes an empty last line for a token: there is none.
    """
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    path.write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))
    return _BYTES + len(merges) + _SPECIAL


def _merged(word: list[str], pair: tuple[str, str]) -> list[str]:
    out: list[str] = []
    for piece in word:
        if out and (out[-1], piece) == pair:
            out[-1] += piece
        else:
            out.append(piece)
    return out
