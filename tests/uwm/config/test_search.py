"""What a search may be told."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tests.makers.audits import audit


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ({"uwm": None, "neurons": None}, "at least one family"),
        ({"uwm": {"share": [0.2, 0.1]}}, "lower bound comes first"),
        ({"uwm": {"alpha": [-1, 2]}}, "both below or both above 1"),
        ({"budget": 1}, "greater than or equal to 2"),
        ({"zeroshot": [{"kind": "demo", "set": "objects"}]}, "both name objects"),
        ({"validation": {"kind": "demo", "split": "test"}}, "extra_forbidden"),
    ],
)
def test_an_impossible_search_is_refused(search: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        audit(
            validation={"kind": "demo", "split": "validation"},
            zeroshot=[{"kind": "demo", "set": "objects"}],
            search=search,
        )


def test_a_search_chooses_on_data_that_nothing_is_claimed_on() -> None:
    with pytest.raises(ValidationError, match="needs `validation`"):
        audit(search={})
    with pytest.raises(ValidationError, match="must not be a benchmark"):
        audit(search={}, validation={"kind": "demo", "split": "test"})
    config = audit(search={}, validation={"kind": "demo", "split": "validation"})
    assert config.edited_roles("image") == ("fc2", "out")
