import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from uwm.errors import InputError
from uwm.layers import LayerId
from uwm.method.selection import select_random
from uwm.metrics.agreement import agreements, expected_jaccard

LAYERS = [LayerId.parse(f"text.0{block}.fc2") for block in range(2)]


def test_a_selection_agrees_with_itself_and_not_with_a_disjoint_one() -> None:
    chosen = {LAYERS[0]: torch.tensor([1, 4, 7]), LAYERS[1]: torch.tensor([0])}
    other = {LAYERS[0]: torch.tensor([0, 2]), LAYERS[1]: torch.tensor([3])}
    sizes = dict.fromkeys(LAYERS, 8)
    assert {found.jaccard for found in agreements(chosen, chosen, sizes).values()} == {1}
    assert {found.jaccard for found in agreements(chosen, other, sizes).values()} == {0}


def test_a_layer_that_only_one_chose_from_counts_as_no_agreement() -> None:
    found = agreements(
        {LAYERS[0]: torch.tensor([1])}, {LAYERS[1]: torch.tensor([1])}, dict.fromkeys(LAYERS, 8)
    )
    assert [(part.first, part.second, part.jaccard) for part in found.values()] == [
        (1, 0, 0),
        (0, 1, 0),
    ]
    assert all(part.expected == 0 for part in found.values())


@given(st.integers(1, 40), st.data())
def test_agreement_is_symmetric_and_what_sets_give(size: int, data: st.DataObject) -> None:
    one, other = (
        data.draw(st.sets(st.integers(0, size - 1), min_size=1), label=name)
        for name in ("one", "other")
    )
    first, second = ({LAYERS[0]: torch.tensor(sorted(part))} for part in (one, other))
    (found,) = agreements(first, second, {LAYERS[0]: size}).values()
    (mirrored,) = agreements(second, first, {LAYERS[0]: size}).values()
    assert found.jaccard == mirrored.jaccard == len(one & other) / len(one | other)
    assert found.expected == pytest.approx(mirrored.expected)


@pytest.mark.parametrize(("size", "first", "second"), [(60, 6, 6), (60, 40, 30), (200, 20, 50)])
def test_the_expectation_is_what_random_selections_have(size: int, first: int, second: int) -> None:
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(1500):
        one, other = (
            {LAYERS[0]: select_random(size, count, generator)} for count in (first, second)
        )
        found += [part.jaccard for part in agreements(one, other, {LAYERS[0]: size}).values()]
    drawn = torch.tensor(found, dtype=torch.float64)
    error = drawn.std().item() / len(drawn) ** 0.5
    assert expected_jaccard(size, first, second) == pytest.approx(
        drawn.mean().item(), abs=4 * error
    )


def test_the_expectation_at_its_bounds_and_for_large_layers() -> None:
    assert expected_jaccard(10, 10, 10) == 1
    assert expected_jaccard(10, 10, 4) == pytest.approx(0.4)
    assert expected_jaccard(10, 0, 4) == 0
    assert expected_jaccard(2, 1, 1) == pytest.approx(0.5)
    # Many weights: the mean over the union's size hardly varies.
    size, chosen = 4_000_000, 80_000
    shared = chosen**2 / size
    assert expected_jaccard(size, chosen, chosen) == pytest.approx(
        shared / (2 * chosen - shared), rel=1e-3
    )


def test_what_is_no_selection_is_an_error() -> None:
    sizes = {LAYERS[0]: 8}
    good = {LAYERS[0]: torch.tensor([1])}
    with pytest.raises(InputError, match="has the indices 0 to 7; got 8"):
        agreements(good, {LAYERS[0]: torch.tensor([8])}, sizes)
    with pytest.raises(InputError, match="has some twice"):
        agreements(good, {LAYERS[0]: torch.tensor([2, 2])}, sizes)
    with pytest.raises(InputError, match="between 0 and 8"):
        expected_jaccard(8, 9, 1)
