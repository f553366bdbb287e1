"""After erasure no linear probe tells the pairs apart, and all else is where it was."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from uwm.errors import InputError, PairingError
from uwm.method.blanking import Blanking
from uwm.method.erasure import Erasure, fitted, leace, null_space

DIM = 10


def clouds(seed: int, samples: int = 500) -> tuple[Tensor, Tensor]:
    """Unit embeddings that differ along one axis, which others go along with."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(2, samples, DIM, generator=generator)
    drawn[1, :, 0] += 3
    mixing = torch.eye(DIM) + 0.3 * torch.randn(DIM, DIM, generator=torch.Generator())
    safe, unsafe = normalize(drawn @ mixing, dim=-1)
    return safe, unsafe


def mapped(erasure: Erasure, embeddings: Tensor) -> Tensor:
    """Before unit length is restored."""
    return embeddings.double() @ erasure.matrix.T + erasure.offset


@pytest.mark.parametrize("erase", [null_space, leace])
def test_means_are_equal_where_pairs_were_erased(erase: Callable[..., Erasure]) -> None:
    safe, unsafe = clouds(0)
    erasure = erase(safe, unsafe)
    means = [mapped(erasure, part).mean(0) for part in (safe, unsafe)]
    torch.testing.assert_close(means[0], means[1], atol=1e-9, rtol=0)
    before = float((unsafe.mean(0) - safe.mean(0)).norm())
    assert before > 0.1


def test_leace_moves_less_than_the_null_space_in_the_metric_that_it_is_least_in() -> None:
    safe, unsafe = clouds(1)
    both = torch.cat([safe, unsafe]).double()
    moved = {
        erase.__name__: float((mapped(erase(safe, unsafe), both) - both).square().sum())
        for erase in (null_space, leace)
    }
    assert moved["leace"] < moved["null_space"]


def test_no_linear_probe_is_better_than_chance_after_leace() -> None:
    """Before unit length, which cosine similarity restores and which gives some of it back."""
    safe, unsafe = clouds(2, 4000)
    erasure = leace(safe, unsafe)
    held_out = [mapped(erasure, part).float() for part in clouds(3, 4000)]
    probe = Blanking.fit(*(mapped(erasure, part).float() for part in (safe, unsafe)))
    told = [float(probe.flags(part).float().mean()) for part in held_out]
    assert abs(told[1] - told[0]) < 0.1
    aware = Blanking.fit(safe, unsafe)
    before = [float(aware.flags(part).float().mean()) for part in clouds(3, 4000)]
    assert before[1] - before[0] > 0.6


@pytest.mark.parametrize("by", ["null_space", "leace"])
def test_what_is_erased_has_unit_length(by: str) -> None:
    safe, unsafe = clouds(2)
    erased = fitted(by, safe, unsafe).apply(unsafe)
    assert erased.dtype == torch.float32
    torch.testing.assert_close(erased.norm(dim=1), torch.ones(500))


def test_erasing_twice_is_erasing_once() -> None:
    erasure = leace(*clouds(4))
    once = mapped(erasure, clouds(5)[0])
    torch.testing.assert_close(mapped(erasure, once), once, atol=1e-9, rtol=0)


def test_a_swapped_control_erases_noise_and_its_seed_says_which() -> None:
    pairs, held_out = clouds(6), clouds(7)
    controls = [fitted("leace", *pairs, swapped=seed).apply(held_out[1]) for seed in (0, 0, 1)]
    assert torch.equal(controls[0], controls[1])
    assert not torch.equal(controls[0], controls[2])
    probe = Blanking.fit(*pairs)
    assert float(probe.flags(controls[0]).float().mean()) > 0.8


def test_what_cannot_be_fitted_is_refused() -> None:
    safe, unsafe = clouds(8)
    with pytest.raises(PairingError, match="pairs"):
        fitted("leace", safe, unsafe[1:])
    with pytest.raises(InputError, match="null_space"):
        fitted("other", safe, unsafe)
