"""Both forms of `redirect` against derivations in numpy that share no code with ours."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from uwm.errors import InputError
from uwm.method.moments import EmbeddedPairs, LayerMoments, Pooled, layer_moments
from uwm.method.redirect import (
    cut_rank,
    misdirection,
    redirect_layer,
    redirection,
    sized_like,
)

PAIRS, NODES, OUTPUTS = 90, 12, 7


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def layer() -> tuple[Pooled, Pooled, Tensor]:
    """Safe, unsafe, and what must not move."""
    safe = Pooled(drawn(PAIRS, NODES, seed=0), drawn(PAIRS, OUTPUTS, seed=1))
    unsafe = Pooled(drawn(PAIRS, NODES, seed=2), drawn(PAIRS, OUTPUTS, seed=3))
    return safe, unsafe, drawn(25, NODES, seed=4)


def moments() -> LayerMoments:
    safe, unsafe, _ = layer()
    found = LayerMoments.empty(NODES, OUTPUTS)
    found.update(safe, unsafe)
    return found


def preserved() -> Tensor:
    kept = layer()[2].double()
    return kept.T @ kept / len(kept)


def unit(samples: int, dim: int, seed: int) -> Tensor:
    return torch.nn.functional.normalize(drawn(samples, dim, seed=seed), dim=-1)


def embedded(seed: int = 0) -> EmbeddedPairs:
    return EmbeddedPairs({"safe": unit(PAIRS, 8, seed), "unsafe": unit(PAIRS, 8, seed + 1)})


def least_squares(design: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """The matrix X that minimises |design X' - target|, by a routine that forms no moments."""
    return np.asarray(np.linalg.lstsq(design, target, rcond=None)[0].T, dtype=np.float64)


def test_form_a_is_the_least_squares_solution_over_stacked_samples() -> None:
    """Unsafe inputs to strength times their way, safe and preserved ones and a ridge to nothing."""
    safe, unsafe, others = layer()
    kept = others.double().numpy()
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
    found = redirect_layer(moments(), [preserved()], strength=strength, keep=keep, ridge=ridge)
    np.testing.assert_allclose(found.numpy(), least_squares(design, target), rtol=1e-9)


def test_form_b_is_the_least_squares_solution_over_stacked_embeddings() -> None:
    """Of M: unsafe embeddings to where they are led, safe and preserved ones and a ridge to
    themselves."""
    safe, unsafe, others = (unit(PAIRS, 8, seed).double().numpy() for seed in (0, 1, 7))
    other = embedded(seed=5).direction
    push, keep, ridge = 0.4, 10.0, 0.3
    level = (1 + 2 * keep) / 8  # the mean of the diagonal: embeddings are of unit length
    anchor = np.sqrt(ridge * level) * np.eye(8)
    kept = [values * np.sqrt(keep / PAIRS) for values in (safe, others)]
    design = np.concatenate([unsafe / np.sqrt(PAIRS), *kept, anchor])
    led = (safe - push * other.numpy()) / np.sqrt(PAIRS)
    target = np.concatenate([led, *kept, anchor])
    found = redirect_layer(
        layer_moments(embedded()).away(other, push),
        [torch.from_numpy(others.T @ others / PAIRS)],
        keep=keep,
        ridge=ridge,
    )
    expected = least_squares(design, target) - np.eye(8)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6, atol=1e-9)


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


def test_a_control_moves_unsafe_content_as_far_as_the_edit_that_it_is_of() -> None:
    own, point = moments(), {"strength": 1.5, "keep": 2.0, "ridge": 0.01}
    elsewhere = own.towards(drawn(OUTPUTS, seed=9))
    control, edit = (
        misdirection(own, elsewhere, [preserved()], **point),
        redirection(own, [], **point),
    )
    like = redirect_layer(own, [preserved()], **point)

    def moved(change: Tensor) -> float:
        return float(torch.trace(change @ own.unsafe @ change.T))

    assert moved(control.change) == pytest.approx(moved(like), rel=1e-3)
    assert not torch.allclose(control.change, edit.change)
    assert control.rank == 1  # all of it in one direction


def test_what_no_redirection_can_be_made_from_is_refused() -> None:
    with pytest.raises(InputError, match="none was given"):
        redirect_layer(LayerMoments.empty(NODES, OUTPUTS))
    with pytest.raises(InputError, match="ridge is a positive number; got 0"):
        redirect_layer(moments(), ridge=0)
    nothing = torch.zeros(OUTPUTS, NODES).double()
    with pytest.raises(InputError, match="does nothing"):
        cut_rank(nothing, moments().unsafe)
    with pytest.raises(InputError, match="moves nothing"):
        sized_like(nothing, redirect_layer(moments()), moments().unsafe)
