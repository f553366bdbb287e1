"""Large sets of samples in shards: each an artifact of its own, and a whole that names them.

Shards can be computed by different workers at the same time. Whoever reads goes through the whole
and does not care whether it has data of its own.
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Self

from storage.store.spec import Input, Spec
from storage.store.store import Store

SHARD = 1024
"""Samples per shard, and the most that stay in one piece. Fixed, because addresses depend on it:
the same whatever runs them. A multiple of a chunk."""
_LISTING = "shards.json"


class SampledSpec(Spec):
    """A row per sample."""

    @property
    def samples(self) -> int:
        """How many there are."""
        raise NotImplementedError


class ShardedSpec(Spec):
    """A row per sample of other data, whole or in shards.

    Attributes:
        data: the artifact with the samples.
        rows: the first of a shard's samples and the one after its last; None for all of them.
    """

    data: Input[SampledSpec]
    rows: tuple[int, int] | None = None

    @cached_property
    def shards(self) -> tuple[Self, ...]:
        """What makes up a whole of many samples; none where it has its own data."""
        samples = self.data.samples
        if self.rows is not None or samples <= SHARD:
            return ()
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return tuple(
            type(self)(**{**fields, "rows": (start, min(start + SHARD, samples))})
            for start in range(0, samples, SHARD)
        )

    @property
    def inputs(self) -> tuple[Spec, ...]:
        return (*super().inputs, *self.shards)

    @property
    def part(self) -> slice:
        """Which of all samples the artifact holds."""
        return slice(*(self.rows or (0, self.data.samples)))


def within(part: slice, rows: slice) -> slice:
    """Rows of a shard that holds `part` of all samples, as rows of these."""
    return slice(part.start + rows.start, part.start + rows.stop)


def write_listing(folder: Path, whole: ShardedSpec) -> None:
    """Make `folder` the whole of its shards, in the order of their samples."""
    listing = json.dumps(list(map(str, whole.shards)))
    (folder / _LISTING).write_text(listing + "\n", encoding="utf-8")


def pieces(store: Store, artifact: Spec | str) -> list[Path]:
    """The folders with an artifact's data, in the order of their samples.

    Raises:
        DamagedArtifactError: it or one of its shards is missing or damaged.
    """
    whole = store.path(artifact)
    listing = whole / _LISTING
    if not listing.exists():
        return [whole]
    return [store.path(name) for name in json.loads(listing.read_text(encoding="utf-8"))]
