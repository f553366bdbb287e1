"""Erasure: whose embeddings are rewritten, and how."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import ValidationError

from uwm.config.methods import METHODS
from uwm.config.methods.requests import Rewriting

KINDS = ("null_space", "leace")


@pytest.mark.parametrize("kind", KINDS)
def test_a_tower_by_itself_is_a_list_of_one(kind: Literal["null_space", "leace"]) -> None:
    one, same = (
        METHODS.own[kind].model_validate({"kind": kind, "towers": towers})
        for towers in ("image", ["image"])
    )
    assert one == same
    assert one.rewriting == Rewriting(kind, ("image",), None)
    assert one.edits is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("changes", [{"towers": []}, {"towers": "audio"}, {"swapped": -1}])
def test_what_rewrites_nothing_is_refused(kind: str, changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        METHODS.own[kind].model_validate({"kind": kind, **changes})
