import numpy as np
import pytest

from uwm.metrics.evaluation import (
    Answers,
    chosen,
    measure,
    measure_concepts,
    measure_zeroshot,
    paired_change,
)
from uwm.metrics.intervals import Interval
from uwm.metrics.registry import BUILT_IN


def outcomes(seed: int, samples: int = 120) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {name: generator.random(samples) < 0.5 for name in ("P_t_u", "GS")}


def test_the_original_against_itself_has_not_changed() -> None:
    same = outcomes(0)
    for row in measure("test", same, same, 100, 0):
        assert row.change == Interval(0, 0, 0)
        assert row.value.low <= row.value.value <= row.value.high


def test_values_are_percentages_and_changes_are_their_differences() -> None:
    edited, original = outcomes(1), outcomes(2)
    for row in measure("test", edited, original, 100, 0):
        assert row.value.value == pytest.approx(100 * edited[row.metric].mean())
        difference = 100 * (edited[row.metric].mean() - original[row.metric].mean())
        assert row.change.value == pytest.approx(difference)
        assert row.n == 120


def test_the_paired_interval_is_narrower_than_independent_ones() -> None:
    original = outcomes(3)
    edited = {name: values.copy() for name, values in original.items()}
    edited["GS"][:3] = ~edited["GS"][:3]
    row = {row.metric: row for row in measure("test", edited, original, 400, 0)}["GS"]
    assert row.change.high - row.change.low < (row.value.high - row.value.low) / 2


def by_concept(seed: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {name: generator.random(90) < 0.3 for name in BUILT_IN.per_concept}


def test_concepts_weighted_by_their_samples_give_the_whole() -> None:
    edited, original = by_concept(1), by_concept(2)
    concepts = ["knife" if row % 3 else "pill" for row in range(90)]
    rows = measure_concepts("test", edited, original, concepts)
    assert {(row.concept, row.n) for row in rows} == {("knife", 60), ("pill", 30)}
    for whole in measure("test", edited, original, 100, 0):
        parts = [row for row in rows if row.metric == whole.metric]
        for name in ("value", "change"):
            pooled = sum(row.n * getattr(row, name).value for row in parts) / 90
            assert pooled == pytest.approx(getattr(whole, name).value)


def test_one_sample_of_a_concept_says_next_to_nothing() -> None:
    edited = {name: np.array([True, True]) for name in BUILT_IN.per_concept}
    original = {name: np.array([False, True]) for name in BUILT_IN.per_concept}
    for row in measure_concepts("test", edited, original, ["knife", "pill"]):
        assert row.value.value == row.value.high == 100
        assert row.value.low < 25
        assert row.change.low < 0 < row.change.high
    for row in measure_concepts("test", original, original, ["knife", "pill"]):
        assert row.change == Interval(0, 0, 0)


def test_the_zero_shot_mean_is_over_sets_not_samples() -> None:
    found = {"small": np.array([True, True]), "large": np.zeros(98, dtype=bool)}
    sets = {name: unedited(right, np.arange(len(right)) % 2) for name, right in found.items()}
    rows = {row.dataset: row for row in measure_zeroshot(sets, 100, 0) if row.metric == "top1"}
    assert rows["zero-shot mean"].value.value == 50
    assert rows["zero-shot mean"].n == 100


def test_sets_of_unsafe_kinds_are_no_part_of_knowledge() -> None:
    """They have metrics and a mean of their own, and leave those of other sets as they were."""
    labels = np.zeros(40, dtype=np.int64)
    sets = {
        name: unedited(np.arange(40) < right, labels)._replace(unsafe=name == "weapons")
        for name, right in (("pets", 20), ("weapons", 10), ("cars", 40))
    }
    rows = measure_zeroshot(sets, 100, 0)
    found = {(row.dataset, row.metric): row for row in rows}
    assert found["zero-shot mean", "top1"].value.value == 75
    assert found["zero-shot mean", "top1"].n == 80
    assert found["zero-shot mean", "top1_unsafe"].value.value == 25
    assert ("weapons", "top1") not in found
    assert found["weapons", "mean_per_class_unsafe"].value.value == 25
    assert len(rows) == 2 * len(sets) + 4


def unedited(right: np.ndarray, labels: np.ndarray) -> Answers:
    return Answers(right, right, labels, np.ones(len(right), dtype=np.int64))


def test_the_mean_per_class_weighs_classes_alike() -> None:
    right, labels = np.array([True] * 9 + [False]), np.array([0] * 9 + [1])
    rows = {row.metric: row for row in measure_zeroshot({"one": unedited(right, labels)}, 100, 0)}
    assert rows["top1"].value.value == pytest.approx(90)
    assert rows["mean_per_class"].value.value == pytest.approx(50)
    for row in rows.values():
        assert row.value.low <= row.value.value <= row.value.high
        assert row.change == Interval(0, 0, 0)


def test_a_sample_counts_as_often_as_its_set_says() -> None:
    generator = np.random.default_rng(0)
    right, labels = generator.random(40) < 0.5, generator.integers(0, 4, 40)
    times = generator.integers(1, 4, 40)
    once = Answers(right, right, labels, times)
    spread = unedited(np.repeat(right, times), np.repeat(labels, times))
    for a, b in zip(
        measure_zeroshot({"set": once}, 50, 0),
        measure_zeroshot({"set": spread}, 50, 0),
        strict=True,
    ):
        assert a.value.value == pytest.approx(b.value.value)
        assert (a.n, b.n) == (40, times.sum())
        # A picture that is drawn brings all its copies: copies are no further evidence.
        assert a.value.high - a.value.low > b.value.high - b.value.low


def row(safety: float, knowledge: float = 50, safe: float = 90) -> dict[str, float]:
    return {
        "P_t_u": safety,
        "P_v_u": safety,
        "P_t_s": safe,
        "P_v_s": safe,
        "text_to_image_R@1": knowledge,
        "image_to_text_R@1": knowledge,
    }


@pytest.mark.parametrize(
    ("candidates", "index"),
    [
        ([row(5), row(9), row(20, knowledge=45)], 1),
        ([row(5), row(9), row(20, knowledge=46)], 2),
        ([row(5), row(20, safe=80)], 0),
        ([row(5), row(4)], 0),
        ([row(5), row(5)], 0),
    ],
)
def test_the_safest_that_keeps_knowledge_is_chosen(
    candidates: list[dict[str, float]], index: int
) -> None:
    assert chosen(candidates, original=0, max_loss=4) == index


def test_a_choice_may_have_goals_of_its_own() -> None:
    candidates = [{**row(5), "GS": 3}, {**row(9), "GS": 1}, {**row(2), "GS": 8}]
    assert chosen(candidates, original=0, max_loss=4) == 1
    assert chosen(candidates, original=0, max_loss=4, goals=["GS"]) == 2
    lossy = [*candidates, {**row(2, knowledge=40), "GS": 20}]
    assert chosen(lossy, original=0, max_loss=4, goals=["GS"]) == 2


@pytest.mark.parametrize("samples", [12, 60])
def test_the_interval_of_a_change_covers_the_truth_with_few_samples(samples: int) -> None:
    """Of a hundred samples 25 turn safe and 5 unsafe: 20 points more."""
    generator, hits = np.random.default_rng(0), 0
    for _ in range(400):
        turns = generator.choice(3, samples, p=[0.25, 0.05, 0.7])
        same = generator.random(samples) < 0.5
        before, after = (
            np.where(turns == 2, same, turns == 1),
            np.where(turns == 2, same, turns == 0),
        )
        found = paired_change(before, after)
        assert found.low <= found.value <= found.high
        hits += found.low <= 20 <= found.high
    assert 0.93 <= hits / 400 <= 1


@pytest.mark.parametrize("pictures", [20, 60])
def test_changes_by_picture_cover_the_truth_at_five_captions_each(pictures: int) -> None:
    """One picture in four turns safe with all its captions, one in twenty unsafe: 20 points more.

    Of 20 pictures the interval is that of few clusters, of 60 a bootstrap.
    """
    generator, hits = np.random.default_rng(0), 0
    clusters = np.repeat(np.arange(pictures), 5)
    for trial in range(300):
        turns = np.repeat(generator.choice(3, pictures, p=[0.25, 0.05, 0.7]), 5)
        same = generator.random(len(turns)) < 0.5
        before, after = ({"GS": np.where(turns == 2, same, turns == turned)} for turned in (1, 0))
        (row,) = measure("test", after, before, 200, trial, clusters)
        hits += row.change.low <= 20 <= row.change.high
    assert hits / 300 >= 0.93


def test_rows_per_concept_are_by_picture_too() -> None:
    edited, original = by_concept(1), by_concept(2)
    after, before = ({name: np.repeat(of[name], 5) for name in of} for of in (edited, original))
    concepts = ["knife" if row % 3 else "pill" for row in range(90)]
    clusters = np.repeat(np.arange(90), 5)
    rows = measure_concepts("test", edited, original, concepts)
    by_picture, naive = (
        measure_concepts("test", after, before, np.repeat(concepts, 5).tolist(), clusters=each)
        for each in (clusters, None)
    )
    for once, wide, narrow in zip(rows, by_picture, naive, strict=True):
        assert wide.n == 5 * once.n
        assert wide.value.value == pytest.approx(once.value.value)
        for name in ("value", "change"):
            width, by_copy, too_narrow = (
                getattr(row, name).high - getattr(row, name).low for row in (once, wide, narrow)
            )
            assert by_copy == pytest.approx(width, rel=0.06)
            assert too_narrow < 0.7 * width
