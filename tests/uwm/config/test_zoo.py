"""A zoo's entry: a folder or a list, and patterns for a folder only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from uwm.config.zoo import Zoo


def entry(at: Path, **keys: Any) -> dict[str, Any]:
    (at / "list.yaml").touch()
    paths = {key: str(at / value) for key, value in keys.items() if key in ("folder", "list")}
    return {"kind": "zoo", **keys, **paths}


def test_a_folder_is_taken_whole_unless_patterns_say_otherwise(tmp_path: Path) -> None:
    zoo = Zoo.model_validate(entry(tmp_path, folder="."))
    assert (zoo.include, zoo.exclude) == (("*",), ())
    assert Zoo.model_validate(entry(tmp_path, list="list.yaml")).folder is None


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, "either a `folder` of models or a `list`"),
        ({"folder": ".", "list": "list.yaml"}, "either a `folder` of models or a `list`"),
        ({"list": "list.yaml", "include": ["*"]}, "apply only to the `folder` of a zoo"),
        ({"folder": "none"}, "does not point to a directory"),
        ({"list": "."}, "does not point to a file"),
    ],
)
def test_what_is_no_zoo_is_refused(tmp_path: Path, keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Zoo.model_validate(entry(tmp_path, **keys))
