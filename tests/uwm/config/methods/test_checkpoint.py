"""Other weights: for the backbones that they name, and nobody else."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from uwm.config import Checkpoint
from uwm.config.methods.requests import WeightsFrom

VIT, OTHER = {"kind": "demo", "name": "vit"}, {"kind": "hub", "repo": "a/b"}


def test_an_entry_has_the_name_of_its_backbone_unless_it_has_its_own() -> None:
    method = Checkpoint.model_validate(
        {"kind": "checkpoint", "weights": {"mine": OTHER, "yours": {**OTHER, "name": "own"}}}
    )
    assert [entry.name for entry in method.weights.values()] == ["mine", "own"]
    assert method.named_backbones == ("mine", "yours")


def test_backbones_without_an_entry_go_without() -> None:
    method = Checkpoint.model_validate({"kind": "checkpoint", "weights": {"vit": VIT, "b": OTHER}})
    asked = method.weights_for("vit")
    assert isinstance(asked, WeightsFrom)
    assert method.weights_for("coca") is None
    left = method.of_backbones(["b", "coca"])
    assert left is not None
    assert left.named_backbones == ("b",)
    assert method.of_backbones(["coca"]) is None


@pytest.mark.parametrize("weights", [{}, {"vit": "vit"}, [VIT], {"vit": {"kind": "demo"}, "b": 1}])
def test_what_names_no_weights_is_refused(weights: object) -> None:
    with pytest.raises(ValidationError):
        Checkpoint.model_validate({"kind": "checkpoint", "weights": weights})
