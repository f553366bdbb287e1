import numpy as np
import pytest

from uwm.metrics.held_out import HeldOutChange, held_out_changes
from uwm.metrics.registry import BUILT_IN

CONCEPTS = ["knife", "pill", "knife", "skull", "pill", "knife"] * 5


def outcomes(seed: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {name: generator.random(len(CONCEPTS)) < 0.4 for name in BUILT_IN.per_concept}


def changes(**held_out: dict[str, np.ndarray]) -> dict[tuple[str, str], HeldOutChange]:
    rows = held_out_changes(outcomes(0), outcomes(1), held_out, CONCEPTS)
    return {(row.concept, row.metric): row for row in rows}


def test_only_a_concepts_own_pairs_count() -> None:
    found = changes(knife=outcomes(2), pill=outcomes(3))
    for edit in (2, 3):
        altered = outcomes(edit)
        own = "knife" if edit == 2 else "pill"
        for values in altered.values():
            values[np.array(CONCEPTS) != own] ^= True
        pair = {"knife": outcomes(2), "pill": outcomes(3), own: altered}
        assert changes(**pair) == found


def test_concepts_weighted_by_their_pairs_give_the_pool_without_the_others() -> None:
    found = changes(knife=outcomes(2), pill=outcomes(3))
    assert {(row.concept, row.n) for row in found.values()} == {
        ("", 25),
        ("knife", 15),
        ("pill", 10),
    }
    for metric in BUILT_IN.per_concept:
        for name in ("ordinary", "held_out", "gap"):
            parts = [
                15 * getattr(found["knife", metric], name).value,
                10 * getattr(found["pill", metric], name).value,
            ]
            assert getattr(found["", metric], name).value == pytest.approx(sum(parts) / 25)


def test_the_gap_is_between_the_two_edits_and_none_where_they_are_alike() -> None:
    for row in changes(knife=outcomes(2)).values():
        assert row.gap.value == pytest.approx(row.held_out.value - row.ordinary.value)
    for row in changes(knife=outcomes(1)).values():
        assert row.held_out == row.ordinary
        assert row.gap.value == 0
