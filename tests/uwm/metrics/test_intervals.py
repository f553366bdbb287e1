from collections.abc import Callable

import numpy as np
import pytest

from uwm.metrics.intervals import (
    Interval,
    bootstrap_means,
    bootstrap_times,
    effective_samples,
    few,
    interval,
    part,
    student,
    wilson,
)


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
    monkeypatch.setattr("uwm.metrics.intervals.CELLS", cells)
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


def captioned(pictures: int, trial: int) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes of five captions per picture, most of them alike: 3 in 10 hold on average."""
    generator = np.random.default_rng(trial)
    chance = generator.beta(0.3 * 0.8, 0.7 * 0.8, pictures)  # correlation 1 / 1.8 within a picture
    clusters = np.repeat(np.arange(pictures), 5)
    order = generator.permutation(len(clusters))
    return (generator.random(len(clusters)) < chance[clusters])[order], clusters[order]


def coverage(pictures: int, of: Callable[[np.ndarray, np.ndarray, int], Interval]) -> float:
    """How often an interval holds the truth, 30 %, in 400 trials."""
    hits = 0
    for trial in range(400):
        found = of(*captioned(pictures, trial), trial)
        hits += found.low <= 30 <= found.high
    return hits / 400


def bootstrapped(outcomes: np.ndarray, clusters: np.ndarray | None, seed: int) -> Interval:
    means = bootstrap_means(outcomes[:, None], 300, seed, clusters)
    return interval(float(outcomes.mean()), means[:, 0])


def test_intervals_by_picture_cover_the_truth_at_five_captions_each() -> None:
    assert coverage(200, bootstrapped) >= 0.93
    assert coverage(200, lambda outcomes, _, seed: bootstrapped(outcomes, None, seed)) < 0.8


@pytest.mark.parametrize("pictures", [15, 60])
def test_wilsons_interval_by_picture_covers_the_truth_with_few_pictures(pictures: int) -> None:
    found = coverage(pictures, lambda outcomes, clusters, _: wilson(outcomes, clusters))
    assert 0.93 <= found <= 1
    assert coverage(pictures, lambda outcomes, *_: wilson(outcomes)) < 0.85


def test_clusters_of_one_change_nothing() -> None:
    outcomes = np.random.default_rng(3).random((40, 2)) < 0.5
    each = np.arange(40)
    assert np.array_equal(bootstrap_means(outcomes, 30, 5, each), bootstrap_means(outcomes, 30, 5))
    assert effective_samples(outcomes[:, 0], each) == pytest.approx(40)
    assert part(each, each < 7) is None


def test_copies_of_a_sample_are_no_further_evidence() -> None:
    outcomes = np.random.default_rng(4).random(30) < 0.4
    clusters = np.repeat(np.arange(30), 5)
    copies = np.repeat(outcomes, 5)
    assert effective_samples(copies, clusters) == pytest.approx(30)
    draws = bootstrap_means(copies[:, None], 50, 1, clusters)
    np.testing.assert_allclose(draws, bootstrap_means(outcomes[:, None], 50, 1))
    values = np.random.default_rng(5).normal(size=30)
    wide, narrow = student(np.repeat(values, 5), clusters), student(np.repeat(values, 5))
    assert (wide.high - wide.low) / 2 == pytest.approx(
        (student(values).high - student(values).low) / 2, rel=0.02
    )
    assert narrow.high < wide.high


def test_one_cluster_says_next_to_nothing() -> None:
    alone = np.zeros(50, dtype=np.int64)
    found = wilson(np.ones(50, dtype=bool), alone)
    assert found.low < 25
    assert few(alone)
    assert not np.isfinite(student(np.arange(50.0), alone).high)
