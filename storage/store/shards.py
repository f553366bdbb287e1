"""Large sets of samples in shards: each an artifact of its own, and a whole that names them.

Shards can be computed by different workers at the same time. Whoever reads goes through the whole
and does not care whether it has data of its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from storage.store.spec import Spec
from storage.store.store import Store

SHARD = 1024
"""Samples per shard, and the most that stay in one piece. Fixed, because addresses depend on it:
the same whatever runs them. A multiple of a chunk."""
_LISTING = "shards.json"


class ShardedSpec(Spec):
    """A row per sample, whole or in shards.

    Attributes:
        data: digest of the artifact with the samples.
        rows: the first of a shard's samples and the one after its last; None for all of them.
        shards: KIND/DIGEST of the shards that make up a whole; none where it has its own data.
    """

    data: str
    rows: tuple[int, int] | None = None
    shards: tuple[str, ...] = ()

    def split(self, samples: int) -> tuple[list[Self], Self]:
        """The shards of so many samples, and the whole; of few samples there are none."""
        if samples <= SHARD:
            return [], self
        shards = [
            self._with(rows=(start, min(start + SHARD, samples)))
            for start in range(0, samples, SHARD)
        ]
        return shards, self._with(shards=tuple(map(str, shards)))

    def part(self, samples: int) -> slice:
        """Which of so many samples the artifact holds."""
        return slice(*(self.rows or (0, samples)))

    def _with(self, **fields: object) -> Self:
        # No model_copy: it would take the digest along.
        return type(self).model_validate({**self.model_dump(), **fields})


def within(part: slice, rows: slice) -> slice:
    """Rows of a shard that holds `part` of all samples, as rows of these."""
    return slice(part.start + rows.start, part.start + rows.stop)


def write_listing(folder: Path, shards: Sequence[str]) -> None:
    """Make `folder` the whole of these shards (KIND/DIGEST), in the order of their samples."""
    (folder / _LISTING).write_text(json.dumps(list(shards)) + "\n", encoding="utf-8")


def pieces(store: Store, kind: str, digest: str) -> list[Path]:
    """The folders with an artifact's data, in the order of their samples.

    Raises:
        DamagedArtifactError: it or one of its shards is missing or damaged.
    """
    whole = store.path(kind, digest)
    listing = whole / _LISTING
    if not listing.exists():
        return [whole]
    return [
        store.path(*name.split("/")) for name in json.loads(listing.read_text(encoding="utf-8"))
    ]
