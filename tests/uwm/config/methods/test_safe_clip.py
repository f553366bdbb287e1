"""Trainings: a grid of learning rates over what all of them share."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from uwm.config import SafeClip
from uwm.families import TOWERS


def method(**changes: Any) -> SafeClip:
    return SafeClip.model_validate({"kind": "safe_clip", **changes})


def test_a_list_of_rates_is_a_training_each_and_chosen_among() -> None:
    found = method(learning_rate=[0.01, 0.001], rank=4)
    assert found.chooses
    for tower in TOWERS:
        trainings = found.trainings(tower)
        assert [training.learning_rate for training in trainings] == [0.01, 0.001]
        assert {training.rank for training in trainings} == {4}
    assert not method(learning_rate=0.01).chooses


def test_a_tower_without_roles_is_not_trained() -> None:
    found = method(roles={"image": [], "text": ["fc1"]})
    assert (found.trainings("image"), len(found.trainings("text"))) == ((), 1)
    asked = found.weights_for("any")
    assert asked.roles["image"] == ()
    assert found.brings_weights


def test_the_names_of_runs_change_nothing_that_is_trained() -> None:
    assert method(name="one").weights_for("a") == method(name="other").weights_for("b")


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 0},
        {"rank": 0},
        {"batch_size": 1},
        {"learning_rate": 0},
        {"learning_rate": []},
        {"lora_alpha": float("inf")},
        {"logit_scale": 0},
    ],
)
def test_a_training_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        method(**changes)
