"""Where backbones come from: what each place needs, and pictures prepared in another way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from uwm.config import BackboneConfig

PLACES: TypeAdapter[Any] = TypeAdapter(BackboneConfig)


@pytest.mark.parametrize(
    "entry",
    [
        {"kind": "demo", "name": "vit"},
        {"kind": "open_clip", "name": "b", "model": "ViT-B-32", "pretrained": "openai"},
        {"kind": "hub", "name": "h", "repo": "owner/model", "revision": "v1.0"},
    ],
)
def test_a_place_is_read_back_as_it_was(entry: dict[str, Any]) -> None:
    found = PLACES.validate_python(entry)
    assert PLACES.validate_json(PLACES.dump_json(found)) == found
    assert entry.items() <= found.model_dump().items()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"kind": "demo", "name": "vits"}, "'vit', 'coca' or 'siglip'"),
        ({"kind": "folder", "name": "f", "folder": "nowhere"}, "does not point to a directory"),
        ({"kind": "open_clip", "name": "b", "model": "ViT-B-32"}, "give either `pretrained`"),
        ({"kind": "hub", "name": "h", "repo": "https://a/b/c"}, "match pattern"),
        ({"kind": "hub", "name": "h", "repo": "a/b", "revision": "x y"}, "match pattern"),
        ({"kind": "demo", "name": "vit", "preprocess": {}}, "not permitted"),
        ({"kind": "hub", "name": "-h", "repo": "a/b"}, "begins with a letter or digit"),
    ],
)
def test_what_a_place_cannot_be_is_refused(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        PLACES.validate_python(entry)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"std": [0.2, 0, 0.2]}, "above 0"),
        ({"size": 0}, "greater than or equal to 1"),
        ({"size": [224, 5000]}, "less than or equal to 4096"),
        ({"interpolation": "nearest"}, "bicubic"),
    ],
)
def test_pictures_that_cannot_be_prepared_so_are_refused(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    entry = {"kind": "folder", "name": "f", "folder": str(tmp_path), "preprocess": changes}
    with pytest.raises(ValidationError, match=said):
        PLACES.validate_python(entry)
