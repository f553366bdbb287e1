"""Class names and templates of the 17 sets, under both protocols.

`prompts.json` is our data file; it says where its facts come from. ImageNet's names and the 80
templates of its ensemble come from the libraries that keep them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from uwm.config import BenchmarkSet, Protocol

_DATA = files("storage.sources.zeroshot").joinpath("prompts.json")
_LIBRARY = "open_clip"


def templates(name: BenchmarkSet, protocol: Protocol) -> tuple[str, ...]:
    """The templates of a set: one under `paper`, its usual ensemble under `standard`."""
    found = _entry(name, protocol)["templates"]
    if found == _LIBRARY:
        from storage.sources.zeroshot.imagenet import (
            TEMPLATES,  # imports torch: only where ImageNet is asked for
        )

        return TEMPLATES
    return tuple(found)


def class_names(name: BenchmarkSet, protocol: Protocol, labels: Sequence[str]) -> list[str]:
    """What to call each of a set's labels in a prompt."""
    if name.startswith("imagenet"):
        from storage.sources.zeroshot.imagenet import class_names

        return [class_names()[label] for label in labels]
    told = _entry(name, protocol).get("names", {})
    rule = _RULES.get((name, protocol), _spaced)
    return [told.get(label) or rule(label) for label in labels]


def pictures(name: BenchmarkSet, protocol: Protocol) -> int:
    """How many pictures the whole set has."""
    return int(_entry(name, protocol)["pictures"])


@cache
def prompts_digest() -> str:
    """SHA-256 of the data file, for the record of a run."""
    return hashlib.sha256(_DATA.read_bytes()).hexdigest()


@cache
def _sets() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_DATA.read_text())["sets"]
    return found


def _entry(name: BenchmarkSet, protocol: Protocol) -> dict[str, Any]:
    found: dict[str, Any] = _sets()[name][protocol]
    return found


def _spaced(label: str) -> str:
    return label.replace("_", " ")


def _qualifier_first(label: str) -> str:
    """`apartment_building/outdoor` is an outdoor apartment building."""
    return _spaced(" ".join(reversed(label.split("/"))))


def _qualifier_last(label: str) -> str:
    return _spaced(label.replace("/", " "))


def _words(label: str) -> str:
    """`ApplyEyeMakeup` is Apply Eye Makeup."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label)


_RULES: dict[tuple[str, str], Callable[[str], str]] = {
    ("oxford-pets", "paper"): lambda label: _spaced(label).title(),
    ("sun397", "paper"): _qualifier_first,
    ("sun397", "standard"): _qualifier_last,
    ("ucf101", "paper"): str,  # the reference prompts with ApplyEyeMakeup as it stands
    ("ucf101", "standard"): _words,
}
