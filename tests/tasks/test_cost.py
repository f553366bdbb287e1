"""What an artifact costs is what its shapes take, worked out only when asked for."""

from __future__ import annotations

import pytest

from storage.formats.samples import Field
from tasks.cost import FREE, Cost, stored_bytes


@pytest.mark.parametrize("partitions", [[0], [5], [5, 7]])
def test_bytes_are_those_of_every_sample_of_every_partition(partitions: list[int]) -> None:
    fields = [Field((3, 2), "uint8"), Field((4,), "float32")]
    assert stored_bytes(fields, partitions) == sum(partitions) * (3 * 2 + 4 * 4)


def test_what_is_free_costs_nothing() -> None:
    assert (FREE.measure(), FREE.samples, FREE.tower, FREE.shared) == (0, 0, None, None)


def test_sizes_are_worked_out_when_they_are_asked_for() -> None:
    asked: list[int] = []

    def measure() -> int:
        asked.append(7)
        return 7

    cost = Cost(measure=measure)
    assert asked == []
    assert cost.measure() == 7
    assert asked == [7]
