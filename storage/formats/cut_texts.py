"""What a tokenizer does to a data set's texts beside their ids: which it cuts or makes equal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_FILE = "cut_texts.json"


@dataclass(frozen=True)
class CutTexts:
    """Texts that a backbone does not read whole.

    Attributes:
        texts: how many there are.
        cut: how many are longer than the context and lose their end, by partition.
        context: tokens that the text tower reads.
        alike: rows of a pair set whose safe and unsafe text differ while their ids do not.
    """

    texts: int
    cut: Mapping[str, int]
    context: int
    alike: tuple[int, ...] = ()


def write_cut_texts(folder: Path, found: CutTexts) -> None:
    """Write them into the folder of the token ids."""
    content = {
        "texts": found.texts,
        "cut": dict(found.cut),
        "context": found.context,
        "alike": list(found.alike),
    }
    (folder / _FILE).write_text(json.dumps(content) + "\n", encoding="utf-8")


def read_cut_texts(folder: Path) -> CutTexts:
    """Inverse of `write_cut_texts`."""
    content = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    return CutTexts(**{**content, "alike": tuple(content["alike"])})
