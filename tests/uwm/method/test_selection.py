from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from uwm.config.methods.requests import Rule
from uwm.errors import EmptySelectionError, InputError, NonFiniteScoreError
from uwm.layers import LayerId
from uwm.method.selection import (
    select,
    select_count,
    select_layers,
    select_mass,
    select_nodes,
    select_random,
)

scores = st.lists(st.floats(0.001, 1000), min_size=2, max_size=40).map(torch.tensor)
shares = st.floats(0.001, 0.999)


@given(scores, shares)
@settings(deadline=None)
def test_mass_is_the_smallest_top_set_that_carries_tau(score: torch.Tensor, tau: float) -> None:
    chosen = select_mass(score, tau)
    part, total = score[chosen].double(), score.double().sum()
    assert part.sum() / total >= tau - 1e-9
    assert (part.sum() - part.min()) / total < tau + 1e-9
    rest = torch.ones(len(score), dtype=torch.bool)
    rest[chosen] = False
    assert not rest.any() or score[rest].max() <= score[chosen].min()


@given(scores, shares, shares)
@settings(deadline=None)
def test_a_larger_tau_selects_more(score: torch.Tensor, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert set(select_mass(score, low).tolist()) <= set(select_mass(score, high).tolist())


@given(st.integers(20, 200), st.floats(0.06, 0.9))
@settings(deadline=None)
def test_count_takes_what_lies_above_the_order_statistic(size: int, tau: float) -> None:
    score = torch.randperm(size, generator=torch.Generator().manual_seed(size)).float()
    chosen = select_count(score, tau)
    rank = int((1 - tau) * size)
    assert len(chosen) == size - max(rank, 1)
    assert score[chosen].min() > score.sort().values[max(rank, 1) - 1]


def test_nodes_takes_the_top_share_and_at_least_one() -> None:
    score = torch.tensor([0.1, 0.9, 0.5, 0.7])
    assert select_nodes(score, 0.5).tolist() == [1, 3]
    assert select_nodes(score, 0.001).tolist() == [1]


@pytest.mark.parametrize("rule", ["mass", "count", "nodes"])
@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_a_share_lies_strictly_between_0_and_1(rule: Rule, share: float) -> None:
    with pytest.raises(InputError, match="strictly between 0 and 1"):
        select(rule, torch.rand(10), share)


def test_mass_refuses_negative_scores() -> None:
    with pytest.raises(NonFiniteScoreError, match="count"):
        select_mass(torch.tensor([1.0, -0.5]), 0.1)


@pytest.mark.parametrize("select_one", [select_mass, select_count])
def test_nothing_to_select_is_an_error(
    select_one: Callable[[torch.Tensor, float], torch.Tensor],
) -> None:
    with pytest.raises(EmptySelectionError):
        select_one(torch.zeros(10), 0.1)


@given(st.integers(1, 50), st.data())
@settings(deadline=None)
def test_a_random_selection_has_its_count_and_repeats_with_its_seed(
    size: int, data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, size))
    first, second = (select_random(size, count, torch.Generator().manual_seed(3)) for _ in range(2))
    assert first.tolist() == second.tolist()
    assert len(set(first.tolist())) == count
    assert first.tolist() == sorted(first.tolist())


def test_a_random_selection_of_none_is_an_error(generator: torch.Generator) -> None:
    with pytest.raises(EmptySelectionError):
        select_random(5, 0, generator)


def test_a_share_of_the_tower_goes_where_the_best_nodes_are() -> None:
    scores = {
        LayerId("text", 0, "fc2"): torch.tensor([0.1, 0.9, 0.8, 0.2]),
        LayerId("text", 1, "fc2"): torch.tensor([0.3, 0.1, 0.7, 0.2]),
        LayerId("text", 2, "fc2"): torch.tensor([0.1, 0.1, 0.1, 0.1]),
    }
    found = select_layers("nodes", scores, 0.25, "tower")
    assert {id.block: chosen.tolist() for id, chosen in found.items()} == {0: [1, 2], 1: [2]}
    each = select_layers("nodes", scores, 0.25, "block")
    assert [len(chosen) for chosen in each.values()] == [1, 1, 1]
    with pytest.raises(InputError, match="scope `tower` is for nodes"):
        select_layers("mass", scores, 0.25, "tower")
