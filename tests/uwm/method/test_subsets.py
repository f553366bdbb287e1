import pytest
from hypothesis import given
from hypothesis import strategies as st

from uwm.config import Subset
from uwm.errors import EmptySelectionError, InputError
from uwm.method.subsets import subset_rows

IDS = [str(number) for number in range(40)]
CONCEPTS = [("knife", "pill", "blood")[number % 3] for number in range(40)]


def taken(**subset: object) -> set[int]:
    keep = subset_rows(Subset.model_validate(subset), IDS, CONCEPTS)
    return {int(row) for row in keep.nonzero()[0]}


def test_without_any_restriction_it_is_the_whole() -> None:
    assert taken() == set(range(40))


@given(st.integers(1, 12), st.integers(0, 5))
def test_a_smaller_size_is_part_of_a_larger_one_and_balanced(size: int, seed: int) -> None:
    small, large = taken(per_concept=size, seed=seed), taken(per_concept=size + 1, seed=seed)
    assert small < large
    assert all(sum(CONCEPTS[row] == name for row in small) == size for name in set(CONCEPTS))


@given(st.integers(0, 5))
def test_halves_share_no_row_and_are_all_together(seed: int) -> None:
    first, second = (taken(half=half, seed=seed) for half in ("first", "second"))
    assert not first & second
    assert first | second == set(range(40))
    assert taken(half="first", seed=seed) != taken(half="first", seed=seed + 1)


def test_a_concept_is_left_out_whole() -> None:
    assert {CONCEPTS[row] for row in taken(without=["pill"])} == {"knife", "blood"}


def test_what_cannot_be_is_an_error() -> None:
    with pytest.raises(InputError, match="got gun"):
        taken(without=["gun"])
    with pytest.raises(EmptySelectionError, match="no calibration pair is left of 40"):
        taken(without=["knife", "pill", "blood"])
