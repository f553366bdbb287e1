"""What counts as better: fronts of points, and picks from them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from uwm.search.pareto import Measured, best, front, measured, pick_keeping, pick_safer, spread

figures = st.lists(
    st.tuples(*[st.integers(0, 4)] * 2).map(lambda pair: Measured(*pair)), max_size=9
)


def beaten(one: Measured, other: Measured) -> bool:
    return (
        other.safety >= one.safety
        and other.knowledge >= one.knowledge
        and tuple(other) != tuple(one)
    )


@given(figures)
def test_the_front_is_what_no_other_point_beats(points: list[Measured]) -> None:
    found = front(points)
    assert {points[index] for index in found} == {
        point for point in points if not any(beaten(point, other) for other in points)
    }
    assert len({points[index] for index in found}) == len(found)
    knowledge = [points[index].knowledge for index in found]
    assert knowledge == sorted(knowledge, reverse=True)


@given(figures, st.integers(1, 9))
def test_the_best_are_distinct_and_none_that_is_left_beats_them(
    points: list[Measured], count: int
) -> None:
    found = best(points, count)
    assert len(set(found)) == len(found) == min(count, len(points))
    left = [point for index, point in enumerate(points) if index not in found]
    assert not any(beaten(points[index], other) for index in found for other in left)


def test_picks_take_the_safest_point_that_keeps_enough() -> None:
    points = [Measured(*pair) for pair in [(10, 50), (11, 48), (12, 48), (15, 47.4), (20, 40)]]
    assert pick_safer(points, original=0, default=1) == 2
    assert pick_keeping(points, original=0, share=0.95) == 2
    assert pick_keeping(points, original=0, share=0.94) == 3
    assert pick_safer(points, original=0, default=4) is None
    assert pick_keeping([points[0], Measured(10, 50)], original=0, share=0.95) is None


@given(figures.filter(bool))
def test_the_original_is_never_picked(points: list[Measured]) -> None:
    """Not even where the paper's settings, the second point, are less safe than it."""
    default = min(1, len(points) - 1)
    for pick in (pick_safer(points, 0, default), pick_keeping(points, 0, 0.95)):
        assert pick is None or points[pick].safety > points[0].safety


def test_a_few_points_of_the_front_span_it_above_the_floor() -> None:
    points = [Measured(10 + step, 50 - step) for step in range(31)]
    found = spread(points, original=0, floor=0.6, count=4)
    assert len(found) == 4
    assert found[0] == 1
    assert points[found[-1]].knowledge == 30
    assert spread(points, 0, 0.6, 0) == []
    assert spread(points[:3], 0, 0.6, 4) == [1, 2]


def test_safety_and_knowledge_are_means() -> None:
    metrics = {"P_t_u": 10, "P_v_u": 20, "text_to_image_R@1": 40, "image_to_text_R@1": 50}
    known = ["text_to_image_R@1", "image_to_text_R@1", "zero-shot"]
    assert measured(metrics, ["P_t_u", "P_v_u"], known) == (15, 45)
    assert measured(metrics | {"zero-shot": 60}, ["P_t_u"], known) == (10, 50)
