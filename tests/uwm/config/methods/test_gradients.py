"""Gradient baselines: what their scores depend on, per tower."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from uwm.config.methods import GSafeClip, GUnsafe
from uwm.config.methods.requests import GradientScore, Selection
from uwm.families import TOWERS


def test_scores_depend_on_the_batch_size_of_their_tower_alone() -> None:
    both = GUnsafe(kind="g_unsafe", batch_size=8)
    apart = GUnsafe.model_validate({"kind": "g_unsafe", "batch_size": {"image": 8, "text": 16}})
    assert both.request("image") == apart.request("image") == GradientScore("g_unsafe", 8)
    assert apart.request("text") == GradientScore("g_unsafe", 16)


@pytest.mark.parametrize("kind", [GUnsafe, GSafeClip])
def test_weights_are_set_to_zero_and_edits_need_no_statistics(
    kind: type[GUnsafe | GSafeClip],
) -> None:
    method = kind.model_validate({"kind": "g_unsafe" if kind is GUnsafe else "g_safe_clip"})
    for tower in TOWERS:
        assert [point.alpha for point in method.points(tower)] == [0]
        assert method.selected_by(tower) == Selection(method.selection[tower])
    assert not method.rescored  # a part of the pairs needs passes of its own


def test_nodes_are_not_selected_by_gradients() -> None:
    selection = {"image": "nodes", "text": "count"}
    with pytest.raises(ValidationError, match="'mass' or 'count'"):
        GUnsafe.model_validate({"kind": "g_unsafe", "selection": selection})
