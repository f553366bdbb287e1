"""Neuron negation: nodes by how much more they fire on unsafe content."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from uwm.config import Neurons
from uwm.config.methods.requests import Selection
from uwm.config.subset import Subset


def test_nodes_are_scored_and_selected_over_its_scope() -> None:
    method = Neurons(kind="neurons", scope="block")
    assert method.request("text").unit == "node"
    assert method.selected_by("text") == Selection("nodes", "block")
    assert method.rescored
    assert not method.chooses


def test_scored_with_a_part_it_is_not_made_anew_from_other_parts() -> None:
    part = Subset(half="first")
    method = Neurons(kind="neurons", part=part)
    assert method.request("image").part == part
    assert not method.rescored


def test_scores_of_weights_are_none_of_nodes() -> None:
    with pytest.raises(ValidationError):
        Neurons.model_validate({"kind": "neurons", "score": "unsafe_only"})
