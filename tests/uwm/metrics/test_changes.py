"""Changes between two audits: what counts as a fall, and what is noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uwm.metrics.changes import (
    UNCHANGED,
    Change,
    holm,
    independent,
    interval_p,
    mean_change,
    not_inferior,
    p_value,
    paired,
)
from uwm.metrics.intervals import Interval


def outcomes(seed: int, share: float, samples: int = 400) -> np.ndarray:
    return np.random.default_rng(seed).random(samples) < share


def test_the_change_is_the_difference_of_shares() -> None:
    before, after = outcomes(0, 0.9), outcomes(1, 0.6)
    assert paired(before, after).value == pytest.approx(100 * (after.mean() - before.mean()))
    assert paired(after, before).value == pytest.approx(-paired(before, after).value)
    assert paired(before, after).error == pytest.approx(paired(after, before).error)


def test_a_sample_that_counts_twice_is_two_equal_ones_to_the_value() -> None:
    before, after = outcomes(0, 0.9, 50), outcomes(1, 0.6, 50)
    times = np.random.default_rng(2).integers(1, 4, 50)
    repeated = paired(np.repeat(before, times), np.repeat(after, times))
    weighted = paired(before, after, times)
    assert weighted.value == pytest.approx(repeated.value)
    assert weighted.error > repeated.error  # copies say nothing new
    same = paired(before, after, np.full(50, 3))
    assert same == pytest.approx(paired(before, after))


def test_pairing_is_sharper_than_not_pairing() -> None:
    before = outcomes(0, 0.5)
    after = before.copy()
    after[before.nonzero()[0][:20]] = False
    sharp = paired(before, after)
    blunt = independent((100 * before.mean(), 400), (100 * after.mean(), 400))
    assert sharp.value == pytest.approx(blunt.value) == pytest.approx(-5)
    assert sharp.error < blunt.error / 2


@pytest.mark.parametrize("true_fall", [0.0, 0.02])
def test_false_alarms_are_as_rare_as_the_level_says(true_fall: float) -> None:
    """Audits whose true fall is just what is allowed."""
    generator = np.random.default_rng(0)
    alarms = 0
    for _ in range(2000):
        draw = generator.random(600)
        before = draw >= 0.05 + true_fall
        after = (draw < 0.05) | (draw >= 0.10 + 2 * true_fall)
        alarms += p_value(paired(before, after), 100 * true_fall) <= 0.05
    assert alarms / 2000 < 0.07


def test_false_alarms_stay_rare_at_five_captions_per_picture() -> None:
    """No true fall; what changes at all does so for the captions of a picture together."""
    generator = np.random.default_rng(0)
    clusters = np.repeat(np.arange(120), 5)
    naive = alarms = 0
    for _ in range(1000):
        draw = np.repeat(generator.random(120), 5)
        before, after = draw >= 0.1, (draw < 0.1) | (draw >= 0.2)
        alarms += p_value(paired(before, after, clusters=clusters), 0) <= 0.05
        naive += p_value(paired(before, after), 0) <= 0.05
    assert alarms / 1000 < 0.07
    assert naive / 1000 > 0.15


def test_a_true_fall_is_found() -> None:
    before = np.ones(1000, dtype=bool)
    after = before.copy()
    after[:50] = False
    change = paired(before, after)
    assert change.low < -5 < change.high < 0
    assert p_value(change, 1.0) < 1e-6
    assert p_value(change, 5.0) > 0.4
    assert p_value(change, 20.0) > 0.999


def test_nothing_changed_is_no_fall() -> None:
    assert p_value(UNCHANGED, 0) == 1
    assert p_value(Change(-2, 0), 1) == 0
    same = outcomes(0, 0.7)
    assert paired(same, same).value == 0
    assert p_value(paired(same, same), 0) == 0.5


def test_a_mean_over_sets_is_surer_than_each() -> None:
    change = mean_change([Change(-2, 1), Change(-4, 1)])
    assert change.value == -3
    assert change.error == pytest.approx(1 / np.sqrt(2))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_corrects_upwards_and_keeps_the_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(
        p <= a <= min(1, len(p_values) * p) + 1e-12 for p, a in zip(p_values, adjusted, strict=True)
    )
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()


def test_holm_on_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


@pytest.mark.parametrize("value", [2.0, -2.0])
def test_a_p_value_by_the_interval_agrees_with_it(value: float) -> None:
    """5 % just where a bound is at zero, whichever side is the wider."""
    for other in (0.5, 5.0):
        at_zero = sorted((0.0, value + (other if value > 0 else -other)))
        assert interval_p(Interval(value, *at_zero)) == pytest.approx(0.05)
    assert interval_p(Interval(value, value - 1, value + 1)) < 0.05
    assert interval_p(Interval(value, value - 3, value + 3)) > 0.05
    assert interval_p(Interval(0, -1, 1)) == 1
    assert interval_p(Interval(value, value, value)) == 0


def test_kept_is_what_the_interval_shows_and_not_what_it_leaves_open() -> None:
    assert not_inferior(Interval(-0.5, -1.9, 0.9), 2)
    assert not not_inferior(Interval(0.5, -2.0, 3.0), 2)  # includes zero, and shows nothing
    assert not not_inferior(Change(-5, 0.1), 2)
