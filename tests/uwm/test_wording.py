"""Words that depend on a number."""

from __future__ import annotations

import pytest

from uwm.wording import plural


@pytest.mark.parametrize(("count", "said"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows")])
def test_one_is_singular_and_every_other_count_is_not(count: int, said: str) -> None:
    assert plural(count, "row") == said
