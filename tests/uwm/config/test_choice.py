"""A choice names its goals, for all methods or for one."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tests.makers.audits import audit
from uwm.config import ChoiceRule

FOUND = "unsafe_text_to_union_R@10"


def test_goals_are_metrics_of_pairs_that_more_of_is_safer() -> None:
    config = audit(choice={"goals": ["GS", FOUND]})
    assert config.choice.goals == ("GS", FOUND)
    assert config.choice.max_loss == ChoiceRule().max_loss
    for goal in ("zero-shot", "unsafe_text_to_union_unsafe@1", "safety"):
        with pytest.raises(ValidationError, match=f"higher is better.*got {goal}"):
            audit(choice={"goals": [goal]})


def test_a_methods_own_rule_is_checked_as_the_audits_is() -> None:
    method = {"kind": "neurons", "choice": {"goals": ["nonsense"]}}
    with pytest.raises(ValidationError, match="got nonsense"):
        audit(methods=[method])
    config = audit(methods=[{"kind": "neurons", "choice": {"max_loss": 6.5, "goals": ["GS"]}}])
    assert config.edit_methods[0].choice == ChoiceRule(max_loss=6.5, goals=("GS",))
