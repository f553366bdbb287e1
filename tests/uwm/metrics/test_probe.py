"""The linear probe: it tells apart what a line tells apart, whatever the scale."""

from __future__ import annotations

import pytest
import torch

from uwm.metrics.probe import discriminant


def test_unsafe_samples_lie_further_along_the_direction(generator: torch.Generator) -> None:
    safe = torch.randn(200, 5, generator=generator) * torch.tensor([10.0, 1, 1, 1, 1])
    unsafe = torch.randn(200, 5, generator=generator) * torch.tensor([10.0, 1, 1, 1, 1])
    unsafe[:, 1] += 4
    direction = discriminant(safe, unsafe)
    assert direction.dtype == torch.float64
    middle = (safe.double() @ direction).mean() / 2 + (unsafe.double() @ direction).mean() / 2
    assert ((unsafe.double() @ direction) > middle).double().mean() > 0.95
    assert ((safe.double() @ direction) < middle).double().mean() > 0.95
    assert direction.abs().argmax() == 1  # not the axis with the most variance


def test_partitions_that_change_places_turn_it_round(generator: torch.Generator) -> None:
    safe, unsafe = (torch.randn(20, 4, generator=generator) for _ in range(2))
    torch.testing.assert_close(discriminant(safe, unsafe), -discriminant(unsafe, safe))


@pytest.mark.parametrize("factor", [0.5, 8.0])
def test_the_scale_of_embeddings_does_not_turn_it(
    generator: torch.Generator, factor: float
) -> None:
    safe, unsafe = (torch.randn(30, 4, generator=generator) for _ in range(2))
    one, other = discriminant(safe, unsafe), discriminant(safe * factor, unsafe * factor)
    assert torch.nn.functional.cosine_similarity(one, other, dim=0) == pytest.approx(1)


def test_fewer_samples_than_dimensions_do() -> None:
    found = discriminant(torch.zeros(2, 50), torch.ones(2, 50))
    assert found.isfinite().all()
