import numpy as np
import pytest

from uwm.metrics.intervals import Interval, bootstrap_means, bootstrap_times, interval, wilson


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    generator, truth, hits = np.random.default_rng(0), 0.3, 0
    for trial in range(200):
        outcomes = generator.random((150, 1)) < truth
        found = interval(outcomes.mean(), bootstrap_means(outcomes, 300, trial)[:, 0])
        hits += found.low <= 100 * truth <= found.high
    assert 0.90 <= hits / 200 <= 0.99


def test_two_calls_with_one_seed_are_paired() -> None:
    outcomes = np.random.default_rng(1).random((80, 3)) < 0.5
    one, other = (bootstrap_means(outcomes[:, [column]], 100, 7) for column in (0, 2))
    both = bootstrap_means(outcomes[:, [0, 2]], 100, 7)
    assert np.array_equal(np.hstack([one, other]), both)


def test_a_method_compared_with_itself_has_an_interval_of_zero() -> None:
    outcomes = np.random.default_rng(2).random((50, 1)) < 0.4
    means = bootstrap_means(np.hstack([outcomes, outcomes]), 200, 0)
    assert interval(0.0, means[:, 0] - means[:, 1]) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("cells", [1, 1 << 24])
def test_memory_blocks_change_nothing(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = np.random.default_rng(3).random((40, 2)) < 0.5
    expected = bootstrap_means(outcomes, 30, 5)
    monkeypatch.setattr("uwm.metrics.intervals._CELLS", cells)
    assert np.array_equal(bootstrap_means(outcomes, 30, 5), expected)


@pytest.mark.parametrize(
    ("low", "high", "excludes"), [(1, 2, True), (-2, -1, True), (-1, 1, False)]
)
def test_zero_is_excluded_from_either_side(low: float, high: float, excludes: bool) -> None:
    assert Interval((low + high) / 2, low, high).excludes_zero is excludes


def test_drawn_times_are_those_behind_the_means() -> None:
    outcomes = np.random.default_rng(3).random((40, 2)) < 0.5
    times = np.stack(list(bootstrap_times(40, 60, 5)))
    assert (times.sum(1) == 40).all()
    assert np.array_equal(times @ outcomes / 40, bootstrap_means(outcomes, 60, 5))


@pytest.mark.parametrize(("right", "n"), [(0, 1), (0, 12), (3, 12), (12, 12)])
def test_wilson_has_a_width_for_outcomes_that_are_all_alike(right: int, n: int) -> None:
    found = wilson(np.arange(n) < right)
    assert 0 <= found.low <= found.value <= found.high <= 100
    assert found.high - found.low > 15
    mirrored = wilson(np.arange(n) >= right)
    assert mirrored.low == pytest.approx(100 - found.high)


def test_wilson_agrees_with_its_textbook_example() -> None:
    """Newcombe (1998), table I: 81 of 263 has 0.2553 to 0.3662."""
    found = wilson(np.arange(263) < 81)
    assert (found.low, found.high) == pytest.approx((25.53, 36.62), abs=0.01)
