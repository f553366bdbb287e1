"""Moments are sums: portions and shards change nothing, and a pairing says what is summed."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

import pytest
import torch
from torch import Tensor

from uwm.chunks import CHUNK
from uwm.errors import InputError, PairingError
from uwm.method.moments import (
    EmbeddedPairs,
    LayerMoments,
    Pooled,
    layer_moments,
    second_moment,
)

PAIRS, NODES, OUTPUTS = 2 * CHUNK + 31, 6, 4


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@dataclass(frozen=True)
class Held:
    """Pairs in memory."""

    safe: Pooled
    unsafe: Pooled

    @classmethod
    def drawn(cls, pairs: int = PAIRS) -> Held:
        safe, unsafe = (
            Pooled(drawn(pairs, NODES, seed=seed), drawn(pairs, OUTPUTS, seed=seed + 1))
            for seed in (0, 2)
        )
        return cls(safe, unsafe)

    @property
    def samples(self) -> int:
        return len(self.safe.reads)

    def read(self, partition: Literal["safe", "unsafe"], rows: slice) -> Pooled:
        found = self.safe if partition == "safe" else self.unsafe
        return Pooled(found.reads[rows], found.stream[rows])


def summed(safe: Pooled, unsafe: Pooled) -> LayerMoments:
    found = LayerMoments.empty(NODES, OUTPUTS)
    found.update(safe, unsafe)
    return found


def check_same(found: LayerMoments, expected: object) -> None:
    for part in fields(found):
        one, other = getattr(found, part.name), getattr(expected, part.name)
        if isinstance(one, Tensor):
            torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)
        else:
            assert one == other


@pytest.mark.parametrize("batch", [1, 64])
@pytest.mark.parametrize("shards", [1, 4])
def test_neither_batches_nor_shards_change_the_sums(batch: int, shards: int) -> None:
    pairs = Held.drawn()
    total = LayerMoments.empty(NODES, OUTPUTS)
    for shard in range(shards):
        own = LayerMoments.empty(NODES, OUTPUTS)
        for start in range(shard * batch, PAIRS, shards * batch):
            rows = slice(start, start + batch)
            own.update(pairs.read("safe", rows), pairs.read("unsafe", rows))
        total = total + own
    check_same(total, summed(pairs.safe, pairs.unsafe))
    check_same(layer_moments(pairs), total)


def test_embeddings_are_read_and_given_alike() -> None:
    """What leads an embedding to its safe pair is the way between the two."""
    safe, unsafe = (drawn(PAIRS, 5, seed=seed) for seed in (1, 2))
    found = layer_moments(EmbeddedPairs({"safe": safe, "unsafe": unsafe}))
    way = (safe.double() - unsafe.double()).T @ unsafe.double()
    torch.testing.assert_close(found.cross, way, rtol=1e-10, atol=1e-10)
    middle = torch.cat([safe, unsafe]).double().mean(0)
    direction = EmbeddedPairs({"safe": safe, "unsafe": unsafe}).direction
    torch.testing.assert_close(direction, middle / middle.norm())


def test_leading_away_is_one_more_way_for_every_unsafe_sample() -> None:
    pairs, direction = Held.drawn(), drawn(OUTPUTS, seed=9).double()
    found = layer_moments(pairs).away(direction, 0.4)
    shifted = Pooled(pairs.safe.reads, pairs.safe.stream - 0.4 * direction.float())
    torch.testing.assert_close(
        found.cross, summed(shifted, pairs.unsafe).cross, rtol=1e-4, atol=1e-3
    )
    assert layer_moments(pairs).away(direction, 0).cross.equal(layer_moments(pairs).cross)


def test_pairs_that_do_not_count_leave_no_trace() -> None:
    pairs, counted = Held.drawn(), torch.arange(PAIRS) % 3 == 0
    expected = summed(pairs.safe.rows(counted), pairs.unsafe.rows(counted))
    check_same(layer_moments(pairs, counted), expected)


def test_swapping_keeps_every_sample_and_turns_some_ways() -> None:
    pairs = Held.drawn()
    own, swapped = layer_moments(pairs), layer_moments(pairs, pairing="swapped", seed=3)
    assert swapped.pairs == own.pairs
    torch.testing.assert_close(swapped.safe + swapped.unsafe, own.safe + own.unsafe)
    assert not torch.allclose(swapped.unsafe, own.unsafe)
    check_same(layer_moments(pairs, pairing="swapped", seed=3), swapped)


def test_mispaired_samples_are_led_to_another_pairs_safe_one() -> None:
    """Each safe stream is taken once, never with its own unsafe sample; what is read stays."""
    pairs = Held.drawn()
    found = layer_moments(pairs, pairing="mispaired", seed=5)
    own = layer_moments(pairs)
    torch.testing.assert_close(found.unsafe, own.unsafe)
    torch.testing.assert_close(found.safe, own.safe)
    shifts = [
        summed(Pooled(pairs.safe.reads, pairs.safe.stream.roll(-shift, 0)), pairs.unsafe).cross
        for shift in range(PAIRS)
    ]
    same = [shift for shift, cross in enumerate(shifts) if torch.allclose(cross, found.cross)]
    assert len(same) == 1
    assert same[0] > 0


def test_one_way_is_the_same_for_every_sample() -> None:
    own, way = layer_moments(Held.drawn()), drawn(OUTPUTS, seed=9).double()
    found = own.towards(way)
    torch.testing.assert_close(found.cross, torch.outer(way, own.of_unsafe))
    assert torch.equal(found.unsafe, own.unsafe)


def test_a_second_moment_is_a_mean_over_samples_however_many_chunks() -> None:
    values = drawn(PAIRS, NODES, seed=1)
    expected = values.double().T @ values.double() / PAIRS
    torch.testing.assert_close(second_moment(lambda rows: values[rows], PAIRS), expected)


def test_what_has_no_moments_is_refused() -> None:
    pairs = Held.drawn(5)
    with pytest.raises(InputError, match="none of these counts"):
        layer_moments(pairs, torch.zeros(5, dtype=torch.bool))
    with pytest.raises(InputError, match="among several; got 1"):
        layer_moments(Held.drawn(1), pairing="mispaired")
    with pytest.raises(InputError, match="none of it"):
        second_moment(lambda rows: torch.zeros(0, NODES), 0)
    with pytest.raises(PairingError, match=r"\(5, 6\) and \(3, 6\)"):
        summed(pairs.safe, pairs.unsafe.rows(torch.arange(5) < 3))
