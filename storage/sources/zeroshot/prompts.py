"""Class names and templates of the benchmarks, under both protocols.

`uwm/config/benchmarks.json` is our data file; it says where its facts come from. ImageNet's names
and the 80 templates of its ensemble come from the libraries that keep them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from storage.sources.zeroshot.imagenet import class_names as imagenet_names
from storage.sources.zeroshot.imagenet import ensemble
from uwm.config import BENCHMARKS, BenchmarkSet, Protocol, benchmarks
from uwm.errors import SourceError

_LIBRARY = "open_clip"


def templates(name: BenchmarkSet, protocol: Protocol) -> tuple[str, ...]:
    """The templates of a set: one under `paper`, its usual ensemble under `standard`."""
    stated = _entry(name, protocol)["templates"]
    return ensemble() if stated == _LIBRARY else tuple(stated)


def class_names(name: BenchmarkSet, protocol: Protocol, labels: Sequence[str]) -> list[str]:
    """What to call each of a set's labels in a prompt.

    Raises:
        SourceError: the set's entry names a rule that there is not.
    """
    entry = _entry(name, protocol)
    stated: Mapping[str, str] | str = entry.get("names", {})
    if isinstance(stated, str):
        return [imagenet_names()[label] for label in labels]
    rule = _RULES.get(entry.get("rule", "spaces"))
    if rule is None:
        raise SourceError(
            f"benchmarks.json has the rules {', '.join(_RULES)} for names; {name} has "
            f"{entry['rule']!r}"
        )
    return [stated.get(label) or rule(label) for label in labels]


def pictures(name: BenchmarkSet, protocol: Protocol) -> int:
    """How many pictures the whole set has."""
    return int(_entry(name, protocol)["pictures"])


@cache
def prompts_digest() -> str:
    """SHA-256 of the data file, for the record of a run."""
    return hashlib.sha256(BENCHMARKS.read_bytes()).hexdigest()


def _entry(name: BenchmarkSet, protocol: Protocol) -> Mapping[str, Any]:
    entry: Mapping[str, Any] = benchmarks()[name][protocol]
    return entry


def _spaced(label: str) -> str:
    return label.replace("_", " ")


def _title(label: str) -> str:
    return _spaced(label).title()


def _qualifier_first(label: str) -> str:
    """`apartment_building/outdoor` is an outdoor apartment building."""
    return _spaced(" ".join(reversed(label.split("/"))))


def _qualifier_last(label: str) -> str:
    return _spaced(label.replace("/", " "))


def _words(label: str) -> str:
    """`ApplyEyeMakeup` is Apply Eye Makeup."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label)


_RULES: Mapping[str, Callable[[str], str]] = {
    "spaces": _spaced,
    "title": _title,
    "qualifier first": _qualifier_first,
    "qualifier last": _qualifier_last,
    "as it stands": str,  # the reference prompts UCF101 with ApplyEyeMakeup
    "words": _words,
}
