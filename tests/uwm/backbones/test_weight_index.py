"""An index names the files beside it, and none elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from uwm.backbones.weight_index import shard_names
from uwm.errors import UnknownBackboneError


def index(folder: Path, content: object) -> Path:
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps(content))
    return path


def test_every_file_is_named_once_in_order(tmp_path: Path) -> None:
    weights = {"b": "2.safetensors", "a": "1.safetensors", "c": "2.safetensors"}
    found = shard_names(index(tmp_path, {"weight_map": weights}))
    assert found == ["1.safetensors", "2.safetensors"]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"weight_map": ["a"]},
        {"weight_map": {"a": ["b"]}},
        {"weight_map": {"a": 1}},
        {"weight_map": {"a": "../b"}},
        {"weight_map": {"a": "/b"}},
        {"weight_map": {"a": "sub/b"}},
    ],
)
def test_what_is_no_index_or_leads_elsewhere_is_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(UnknownBackboneError, match=r"is (not )?an index"):
        shard_names(index(tmp_path, content))
