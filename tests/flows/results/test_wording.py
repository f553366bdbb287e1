"""Figures are put into words in one form, and a control is never called significant."""

from __future__ import annotations

import pytest

from flows.results.wording import Mark, change, joined, mark, plural, rounded, signed
from uwm.metrics.changes import Change
from uwm.metrics.intervals import Interval


@pytest.mark.parametrize(
    ("low", "high", "higher_is_better", "wanted"),
    [
        (0.1, 2, True, "+"),
        (-2, -0.1, True, "-"),
        (-2, -0.1, False, "+"),
        (0.1, 2, False, "-"),
        (-1, 1, True, ""),
        (0, 2, True, ""),  # an interval that touches zero shows nothing
        (-2, 0, False, ""),
    ],
)
def test_a_change_is_marked_where_its_interval_excludes_zero(
    low: float, high: float, higher_is_better: bool, wanted: Mark
) -> None:
    assert mark(low, high, higher_is_better=higher_is_better) == wanted
    assert mark(low, high, higher_is_better=higher_is_better, control=True) == ""


def test_changes_have_signs_and_intervals_have_brackets() -> None:
    assert change("P_t_u", Interval(1.66, 0.31, 3.09)) == "P_t_u +1.7 [+0.3, +3.1]"
    assert change("gap", Interval(-0.5, -1, 0.25), digits=2) == "gap -0.50 [-1.00, +0.25]"
    assert change("GS", Change(2.0, 0.0)) == "GS +2.0 [+2.0, +2.0]"


@pytest.mark.parametrize("value", [-0.04, -0.0, 0.0, 0.04])
def test_what_rounds_to_zero_has_no_sign_of_its_own(value: float) -> None:
    assert rounded(value) == "0.0"
    assert signed(value) == "+0.0"
    assert rounded(-0.06, 2) == "-0.06"


@pytest.mark.parametrize(
    ("count", "wanted"), [(0, "no rows"), (1, "1 row"), (2, "2 rows"), (21, "21 rows")]
)
def test_nouns_agree_with_their_number(count: int, wanted: str) -> None:
    assert plural(count, "row") == wanted


@pytest.mark.parametrize(
    ("words", "wanted"),
    [([], ""), (["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")],
)
def test_lists_of_words_end_in_a_conjunction(words: list[str], wanted: str) -> None:
    assert joined(words, "or") == wanted
