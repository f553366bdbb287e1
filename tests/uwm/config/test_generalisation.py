"""Which methods and data sets the sections on generalisation may be about."""

import pytest
from pydantic import ValidationError

from tests.makers.audits import audit


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"held_out": {"methods": ["nerons"]}}, "got nerons"),
        ({"held_out": {"methods": ["uwm"], "benchmark": "train"}}, r"\(test\); got 'train'"),
        ({"drift": {"halves": False}}, "nothing to compare"),
        (
            {"drift": {}, "methods": [{"kind": "original"}]},
            "no method of this audit selects weights",
        ),
    ],
)
def test_a_section_that_cannot_be_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        audit(**changes)
