"""Both forms of `redirect` against derivations in numpy that share no code with ours."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from uwm.errors import InputError, PairingError
from uwm.method.redirect import (
    EmbeddingMoments,
    LayerMoments,
    Pooled,
    cut_rank,
    redirect_embeddings,
    redirect_layer,
)

PAIRS, NODES, OUTPUTS = 90, 12, 7


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def layer() -> tuple[Pooled, Pooled, Tensor]:
    """Safe, unsafe, and what must not move."""
    safe = Pooled(drawn(PAIRS, NODES, seed=0), drawn(PAIRS, OUTPUTS, seed=1))
    unsafe = Pooled(drawn(PAIRS, NODES, seed=2), drawn(PAIRS, OUTPUTS, seed=3))
    return safe, unsafe, drawn(25, NODES, seed=4)


def rows(pooled: Pooled, part: slice) -> Pooled:
    return Pooled(pooled.reads[part], pooled.stream[part])


def moments(batch: int = PAIRS, shards: int = 1) -> LayerMoments:
    safe, unsafe, kept = layer()
    found = []
    for shard in range(shards):
        first, last = shard * PAIRS // shards, (shard + 1) * PAIRS // shards
        own = LayerMoments.empty(NODES, OUTPUTS)
        for start in range(first, last, batch):
            part = slice(start, min(start + batch, last))
            own.update(rows(safe, part), rows(unsafe, part))
        found.append(own)
    for number, sample in enumerate(torch.split(kept, batch)):
        found[number % shards].preserve(sample)
    total = found[0]
    for other in found[1:]:
        total = total + other
    return total


def unit(samples: int, dim: int, seed: int) -> Tensor:
    return torch.nn.functional.normalize(drawn(samples, dim, seed=seed), dim=-1)


def embedding_moments(batch: int, shards: int, seed: int = 0) -> EmbeddingMoments:
    safe, unsafe = unit(PAIRS, 8, seed), unit(PAIRS, 8, seed + 1)
    total = EmbeddingMoments.empty(8)
    for shard in range(shards):
        own = EmbeddingMoments.empty(8)
        for start in range(shard, PAIRS, shards * batch):
            part = slice(start, start + shards * batch, shards)
            own.update(safe[part], unsafe[part])
        total = total + own
    return total


def least_squares(design: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """The matrix X that minimises |design X' - target|, by a routine that forms no moments."""
    return np.asarray(np.linalg.lstsq(design, target, rcond=None)[0].T, dtype=np.float64)


def test_form_a_is_the_least_squares_solution_over_stacked_samples() -> None:
    """Unsafe inputs to strength times their way, safe and preserved ones and a ridge to nothing."""
    safe, unsafe, preserved = layer()
    kept = preserved.double().numpy()
    strength, keep, ridge = 1.5, 3.0, 0.1
    h_u, h_s = unsafe.reads.double().numpy(), safe.reads.double().numpy()
    way = (safe.stream.double() - unsafe.stream.double()).numpy()
    squares = [(x**2).mean() for x in (h_u, h_s, kept)]  # mean of the diagonal of E[x x']
    level = squares[0] + keep * (squares[1] + squares[2])
    design = np.concatenate(
        [
            h_u / np.sqrt(PAIRS),
            h_s * np.sqrt(keep / PAIRS),
            kept * np.sqrt(keep / len(kept)),
            np.sqrt(ridge * level) * np.eye(NODES),
        ]
    )
    target = np.zeros((len(design), OUTPUTS))
    target[:PAIRS] = strength * way / np.sqrt(PAIRS)
    found = redirect_layer(moments(), strength=strength, keep=keep, ridge=ridge)
    np.testing.assert_allclose(found.numpy(), least_squares(design, target), rtol=1e-9)


def test_form_b_is_the_least_squares_solution_over_stacked_embeddings() -> None:
    safe, unsafe = (unit(PAIRS, 8, seed).double().numpy() for seed in (0, 1))
    other = embedding_moments(PAIRS, 1, seed=5).direction
    push, keep, ridge = 0.4, 10.0, 0.3
    design = np.concatenate(
        [unsafe / np.sqrt(PAIRS), safe * np.sqrt(keep / PAIRS), np.sqrt(ridge / 8) * np.eye(8)]
    )
    led = (safe - push * other.numpy()) / np.sqrt(PAIRS)
    target = np.concatenate([led, safe * np.sqrt(keep / PAIRS), np.sqrt(ridge / 8) * np.eye(8)])
    found = redirect_embeddings(
        embedding_moments(PAIRS, 1), other, push=push, keep=keep, ridge=ridge
    )
    expected = least_squares(design, target) - np.eye(8)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-8, atol=1e-12)


def test_the_middle_of_a_cone_is_the_unit_mean_of_both_partitions() -> None:
    every = torch.cat([unit(PAIRS, 8, 5), unit(PAIRS, 8, 6)]).double().mean(0)
    found = embedding_moments(7, 2, seed=5).direction
    torch.testing.assert_close(found, every / every.norm())


@pytest.mark.parametrize("batch", [1, 64])
@pytest.mark.parametrize("shards", [1, 4])
def test_neither_batches_nor_shards_change_the_result(batch: int, shards: int) -> None:
    one, several = redirect_layer(moments()), redirect_layer(moments(batch, shards))
    torch.testing.assert_close(several, one, rtol=1e-10, atol=1e-14)
    other = embedding_moments(PAIRS, 1, seed=5).direction
    one = redirect_embeddings(embedding_moments(PAIRS, 1), other)
    several = redirect_embeddings(embedding_moments(batch, shards), other)
    torch.testing.assert_close(several, one, rtol=1e-10, atol=1e-14)


def test_where_a_linear_map_can_unsafe_content_arrives_and_kept_content_stays() -> None:
    """Unsafe inputs leave a plane that safe and preserved ones stay in, along one direction."""
    plane = torch.zeros(NODES)
    plane[0] = 1
    h_s = drawn(PAIRS, NODES, seed=0) * (1 - plane)
    h_u = h_s + plane
    way = drawn(OUTPUTS, seed=1)
    z_s = drawn(PAIRS, OUTPUTS, seed=2)
    found = LayerMoments.empty(NODES, OUTPUTS)
    found.update(Pooled(h_s, z_s), Pooled(h_u, z_s - way))
    change = redirect_layer(found, keep=100, ridge=1e-9).float()
    moved = h_u @ change.T
    torch.testing.assert_close(moved, way.expand_as(moved), rtol=0.05, atol=0.05)
    torch.testing.assert_close(h_s @ change.T, torch.zeros_like(moved), rtol=0, atol=0.05)


def test_a_cut_keeps_what_it_says_with_the_least_rank() -> None:
    found = moments()
    change = redirect_layer(found)
    second = found.unsafe / found.pairs
    whole = torch.trace(change @ second @ change.T)
    for kept in (0.5, 0.9, 0.999):
        cut = cut_rank(change, second, kept)
        left = torch.trace(cut.change @ second @ cut.change.T)
        assert float(left / whole) == pytest.approx(cut.kept)
        assert cut.kept >= kept
        if cut.rank > 1:
            # Not even the best change of one rank less keeps so much (Eckart and Young 1936).
            root = torch.linalg.cholesky(second)
            best = torch.linalg.svdvals(change @ root)[: cut.rank - 1].square().sum()
            assert best / whole < kept
    torch.testing.assert_close(cut_rank(change, second, 1.0).change, change)


def test_a_change_of_low_rank_is_kept_whole() -> None:
    change = drawn(OUTPUTS, 2, seed=0).double() @ drawn(2, NODES, seed=1).double()
    cut = cut_rank(change, torch.eye(NODES, dtype=torch.float64))
    assert cut.rank <= 2
    torch.testing.assert_close(
        cut_rank(change, torch.eye(NODES).double(), 1 - 1e-12).change, change
    )


def test_what_no_redirection_can_be_made_from_is_refused() -> None:
    with pytest.raises(InputError, match="none was given"):
        redirect_layer(LayerMoments.empty(NODES, OUTPUTS))
    with pytest.raises(InputError, match="ridge is a positive number; got 0"):
        redirect_layer(moments(), ridge=0)
    with pytest.raises(InputError, match="does nothing"):
        cut_rank(torch.zeros(3, 4).double(), torch.eye(4).double())
    safe, unsafe, _ = layer()
    with pytest.raises(PairingError, match=r"\(90, 12\) and \(5, 12\)"):
        moments().update(safe, rows(unsafe, slice(5)))
