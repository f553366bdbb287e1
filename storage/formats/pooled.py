"""A layer at the pooled token of each sample on disk: what it reads, and the stream behind it.

Two float32 arrays per partition, (samples, in) and (samples, out).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import torch

from storage.formats.samples import Array, Field, SampleArrays, read_across
from uwm.method.moments import Pooled

_READS, _STREAM = "reads", "stream"


def pooled_fields(partitions: Collection[str], nodes: int, outputs: int) -> dict[str, Field]:
    """The arrays that a layer with a weight of (outputs, nodes) is kept in."""
    return {
        f"{partition}_{part}": Field((width,), "float32")
        for partition in partitions
        for part, width in ((_READS, nodes), (_STREAM, outputs))
    }


def pooled_arrays(pooled: Mapping[str, Pooled]) -> dict[str, Array]:
    """What `pooled_fields` are filled with, from what was observed by partition."""
    return {
        f"{partition}_{part}": values.cpu().numpy()
        for partition, found in pooled.items()
        for part, values in ((_READS, found.reads), (_STREAM, found.stream))
    }


class PooledArrays:
    """A set of samples that lies in one or more folders, in order; see
    `uwm.method.moments.PooledPairs`."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._pieces = [SampleArrays(folder) for folder in folders]

    @property
    def samples(self) -> int:
        """How many there are of each partition."""
        return sum(piece.samples for piece in self._pieces)

    @property
    def partitions(self) -> list[str]:
        """Their names."""
        ending = f"_{_READS}"
        return [
            name.removesuffix(ending) for name in self._pieces[0].names if name.endswith(ending)
        ]

    def read(self, partition: str, rows: slice) -> Pooled:
        """Rows of one partition.

        Raises:
            DamagedArtifactError: stored bytes are not those that were written.
        """
        reads, stream = (
            torch.from_numpy(read_across(self._pieces, f"{partition}_{part}", rows))
            for part in (_READS, _STREAM)
        )
        return Pooled(reads, stream)
