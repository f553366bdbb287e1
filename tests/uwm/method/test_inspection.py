import pytest
import torch

from uwm.method.inspection import mean_phi, prefers_unsafe, spread
from uwm.method.statistics import Activations


def activations(seed: int, samples: int = 7, nodes: int = 5) -> Activations:
    generator = torch.Generator().manual_seed(seed)
    return Activations(*(torch.rand(samples, nodes, generator=generator) + 0.1 for _ in range(2)))


def test_the_mean_of_phi_is_that_of_the_whole_tensor() -> None:
    """Eq. 8 and 9 written out, sample by sample and weight by weight."""
    found, weight = activations(0), torch.randn(4, 5, generator=torch.Generator().manual_seed(1))
    size = weight.abs()
    for sample in range(7):
        norm, std = found.norm[sample], found.std[sample]
        flow = (norm * size).mean(1)[:, None] * (norm * size).mean(0)[None, :]
        expected = (flow / std).mean()
        torch.testing.assert_close(mean_phi(found, weight)[sample], expected)


def test_spread_counts_what_lies_above_one() -> None:
    found = spread(torch.tensor([[0.5, 1.0], [1.5, 3.0]]))
    assert (found.size, found.above) == (4, 50)
    assert found.quantiles[3] == pytest.approx(1.25)
    assert list(found.quantiles) == sorted(found.quantiles)


def test_unsafe_samples_that_always_score_a_tenth_higher() -> None:
    safe = torch.rand(60, generator=torch.Generator().manual_seed(0)) + 0.5
    found = prefers_unsafe(safe, safe * 1.1, 200, 0)
    assert found.change.value == pytest.approx(10, abs=1e-4)
    assert found.change.low == pytest.approx(found.change.high, abs=1e-4)  # paired
    assert (found.n, found.higher.value) == (60, 100)


def test_samples_without_a_preference_have_none() -> None:
    safe, unsafe = torch.rand(2, 400, generator=torch.Generator().manual_seed(2))
    found = prefers_unsafe(safe, unsafe, 400, 0)
    assert found.change.low < 0 < found.change.high
    assert found.higher.low < 50 < found.higher.high
    assert prefers_unsafe(safe, safe, 100, 0).higher.value == 0  # a tie is not higher
