"""What redirections are made of: second moments of calibration pairs, as running sums.

Sums are float64 and merge, so that neither batches nor shards change what is made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal, Protocol

import torch
from torch import Tensor

from uwm.chunks import chunks
from uwm.errors import InputError, PairingError
from uwm.partitions import PARTITIONS, Partition

Pairing = Literal["own", "swapped", "mispaired"]
"""What leads to what: an unsafe sample to its own safe one; in a random half of the pairs the other
way round; or to the safe one of another pair. The last two are for controls."""


@dataclass(frozen=True)
class Pooled:
    """A layer at the pooled token of each sample: what it reads, (samples, in), and the residual
    stream behind it, (samples, out)."""

    reads: Tensor
    stream: Tensor

    def rows(self, keep: Tensor) -> Pooled:
        """Those that a bool (samples,) keeps."""
        return Pooled(self.reads[keep], self.stream[keep])


@dataclass
class LayerMoments:
    """Running sums over one layer; feed samples in any portions, or add two of them.

    Attributes:
        pairs: how many pairs were fed.
        unsafe, safe: float64 (in, in), sums of h h' over unsafe and safe inputs.
        of_unsafe: float64 (in,), the sum of h_u.
        cross: float64 (out, in), the sum of (z_s - z_u) h_u'.
    """

    pairs: int
    unsafe: Tensor
    safe: Tensor
    of_unsafe: Tensor
    cross: Tensor

    @classmethod
    def empty(cls, nodes: int, outputs: int, device: torch.device | str = "cpu") -> LayerMoments:
        """Of no sample, for a layer with a weight of (outputs, nodes)."""
        square = torch.zeros(nodes, nodes, dtype=torch.float64, device=device)
        cross = torch.zeros(outputs, nodes, dtype=torch.float64, device=device)
        return cls(0, square, square.clone(), square[0].clone(), cross)

    def update(self, safe: Pooled, unsafe: Pooled) -> None:
        """Add pairs.

        Raises:
            PairingError: the partitions differ in shape.
        """
        _check_paired(safe.reads, unsafe.reads)
        of_safe, of_unsafe = safe.reads.double(), unsafe.reads.double()
        self.safe += of_safe.T @ of_safe
        self.unsafe += of_unsafe.T @ of_unsafe
        self.of_unsafe += of_unsafe.sum(0)
        self.cross += (safe.stream.double() - unsafe.stream.double()).T @ of_unsafe
        self.pairs += len(of_safe)

    def __add__(self, other: LayerMoments) -> LayerMoments:
        return LayerMoments(
            *(getattr(self, part.name) + getattr(other, part.name) for part in fields(self))
        )

    def towards(self, direction: Tensor) -> LayerMoments:
        """As if every unsafe sample were to be led the same way, (out,)."""
        return replace(self, cross=torch.outer(direction.to(self.of_unsafe), self.of_unsafe))

    def away(self, direction: Tensor, push: float) -> LayerMoments:
        """As if every unsafe sample were to be led so far against a direction, (out,), besides."""
        pushed = push * torch.outer(direction.to(self.of_unsafe), self.of_unsafe)
        return replace(self, cross=self.cross - pushed)


class PooledPairs(Protocol):
    """A layer at the pooled token of calibration pairs, however many there are and wherever."""

    @property
    def samples(self) -> int:
        """How many pairs."""

    def read(self, partition: Partition, rows: slice) -> Pooled:
        """Some of them, in order."""


@dataclass(frozen=True)
class EmbeddedPairs:
    """Embeddings as a layer behind them would read them, and give them before any change.

    Attributes:
        embeddings: by partition unit embeddings, (samples, dim) each.
    """

    embeddings: Mapping[str, Tensor]

    @property
    def partitions(self) -> tuple[str, ...]:
        return tuple(self.embeddings)

    @property
    def samples(self) -> int:
        return len(next(iter(self.embeddings.values())))

    @property
    def direction(self) -> Tensor:
        """The unit mean over all partitions, float64 (dim,): the middle of their cone."""
        total = torch.cat(list(self.embeddings.values())).double().mean(0)
        return torch.nn.functional.normalize(total, dim=0)

    def read(self, partition: str, rows: slice) -> Pooled:
        values = self.embeddings[partition][rows]
        return Pooled(values, values)


def layer_moments(
    pairs: PooledPairs, counted: Tensor | None = None, pairing: Pairing = "own", seed: int = 0
) -> LayerMoments:
    """The moments of a layer over pairs, a chunk at a time.

    Args:
        counted: bool (samples,), which pairs count; all of them by default.
        seed: of a pairing other than `own`. Mispaired samples are as many rows apart as it says.

    Raises:
        InputError: no pair counts, or there are too few to mispair.
    """
    samples = pairs.samples
    counted = torch.ones(samples, dtype=torch.bool) if counted is None else counted
    generator = torch.Generator().manual_seed(seed)
    swapped = torch.zeros(samples, dtype=torch.bool)
    shift = 0
    if pairing == "swapped":
        swapped = torch.rand(samples, generator=generator) < 0.5
    elif pairing == "mispaired":
        if samples < 2:
            raise InputError(f"pairs are mispaired among several; got {samples}")
        shift = int(torch.randint(1, samples, (), generator=generator))
        counted = counted & counted.roll(-shift)
    if not counted.any():
        raise InputError("a redirection is made from pairs; none of these counts")
    first = pairs.read("safe", slice(0, 1))
    widths = first.reads.shape[1], first.stream.shape[1]
    total = LayerMoments.empty(*widths, first.reads.device)
    for rows in chunks(samples):
        keep, turned = counted[rows], swapped[rows].unsqueeze(1)
        safe, unsafe = (pairs.read(partition, rows) for partition in PARTITIONS)
        if shift:
            safe = Pooled(safe.reads, _further(pairs, rows, shift).stream)
        keep, turned = keep.to(safe.reads.device), turned.to(safe.reads.device)
        one, other = _where(turned, unsafe, safe), _where(turned, safe, unsafe)
        total.update(one.rows(keep), other.rows(keep))
    return total


def second_moment(read: Callable[[slice], Tensor], samples: int) -> Tensor:
    """E[h h'] over samples, a chunk at a time: float64 (in, in).

    Args:
        read: rows to (rows, in).

    Raises:
        InputError: there is no sample.
    """
    if not samples:
        raise InputError("content that must not move was named, and there is none of it")
    first = read(slice(0, 1)).double()
    total = torch.zeros_like(first.T @ first)
    for rows in chunks(samples):
        values = read(rows).double()
        total += values.T @ values
    return total / samples


def _further(pairs: PooledPairs, rows: slice, shift: int) -> Pooled:
    """The safe samples so many rows further on; behind the last comes the first."""
    start, length, samples = (rows.start + shift) % pairs.samples, rows.stop - rows.start, 0
    found = []
    while samples < length:
        stop = min(start + length - samples, pairs.samples)
        found.append(pairs.read("safe", slice(start, stop)))
        samples += stop - start
        start = 0
    return Pooled(torch.cat([part.reads for part in found]), torch.cat([p.stream for p in found]))


def _where(condition: Tensor, one: Pooled, other: Pooled) -> Pooled:
    return Pooled(
        torch.where(condition, one.reads, other.reads),
        torch.where(condition, one.stream, other.stream),
    )


def _check_paired(safe: Tensor, unsafe: Tensor) -> None:
    if safe.shape != unsafe.shape:
        raise PairingError(
            f"safe and unsafe pair row by row; got {tuple(safe.shape)} and {tuple(unsafe.shape)}"
        )
