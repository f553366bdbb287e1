from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from uwm.backbones.kept import Kept


@given(asked=st.lists(st.integers(0, 5)), limit=st.integers(1, 6))
def test_what_was_asked_for_last_is_kept_and_no_more(asked: list[int], limit: int) -> None:
    kept: Kept[list[int]] = Kept(limit)
    latest: list[int] = []
    for key in asked:
        made: list[int] = []

        def make() -> list[int]:
            assert len(kept) < limit  # room is made before
            made.append(key)
            return [key]

        assert kept.get(key, make) == [key]
        assert bool(made) == (key not in latest)
        latest = [*(other for other in latest if other != key), key][-limit:]
        assert len(kept) == len(latest)


def test_what_is_no_longer_allowed_goes_at_once() -> None:
    kept: Kept[int] = Kept(3)
    for key in range(3):
        kept.get(key, lambda: 0)
    kept.allow(1)
    assert len(kept) == 1
    assert kept.get(2, lambda: 1) == 0
    assert kept.get(0, lambda: 1) == 1
