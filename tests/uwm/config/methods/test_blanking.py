"""Blanking: a reference that rewrites texts and changes no weight."""

from __future__ import annotations

from uwm.config.methods import Blanking
from uwm.families import TOWERS


def test_only_texts_are_rewritten_and_no_layer_is_changed() -> None:
    method = Blanking(kind="blanking")
    assert method.blanks_texts
    assert method.rewriting.towers == ("text",)
    assert all(method.changed_roles[tower] == () for tower in TOWERS)
