"""Class names and templates that lie beside a zero-shot set's data, as its publisher wrote them."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq

from storage.sources.zeroshot.lists import read_lines
from uwm.config import ClassNames, OwnZeroShot
from uwm.errors import SourceError

NAMES, TEMPLATES = "classnames.txt", "zeroshot_classification_templates.txt"
"""Files of clip-benchmark's sets: a class name a line by number, and a template with `{c}` a line.
They lie in the folder that holds the splits."""
USUAL_TEMPLATES = ("a photo of a {}.",)


def names_of(config: OwnZeroShot, data: Path) -> ClassNames | None:
    """The names that a configuration gives, or else those beside the data; None without either."""
    if config.classes is not None:
        return config.classes
    path = _beside(data, NAMES)
    return None if path is None else numbered(read_lines(path))


def templates_of(config: OwnZeroShot, data: Path) -> tuple[str, ...]:
    """The templates that a configuration gives, or else those beside the data, or else the usual.

    Raises:
        SourceError: one beside the data has no single place for the class name.
    """
    if config.template is not None:
        return config.template
    path = _beside(data, TEMPLATES)
    if path is None:
        return USUAL_TEMPLATES
    found = tuple(line.replace("{c}", "{}") for line in read_lines(path))
    if wrong := [line for line in found if line.count("{}") != 1]:
        raise SourceError(f"each line of {path} has one {{c}} for the class name; got {wrong[0]!r}")
    return found or USUAL_TEMPLATES


def label_names(path: Path, column: str) -> ClassNames | None:
    """What a Parquet file of Hugging Face's `datasets` calls the numbers of a class label."""
    try:
        held = (pq.read_schema(path).metadata or {}).get(b"huggingface", b"{}")
        feature = json.loads(held)["info"]["features"][column]
        names = feature["names"] if feature["_type"] == "ClassLabel" else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None  # none are written there, which is no fault
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    return numbered(names)


def numbered(names: list[str]) -> ClassNames:
    """Names by their position, as `classes` has them."""
    return tuple((str(number), name) for number, name in enumerate(names))


def _beside(data: Path, name: str) -> Path | None:
    folder = data if data.is_dir() else data.parent
    return next((path for at in (folder, folder.parent) if (path := at / name).is_file()), None)
