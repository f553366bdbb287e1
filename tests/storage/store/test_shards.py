from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.store.shards import SHARD, ShardedSpec, pieces, within, write_listing
from storage.store.store import Store
from uwm.chunks import CHUNK
from uwm.errors import DamagedArtifactError


class RowsSpec(ShardedSpec):
    kind: ClassVar[str] = "rows"


@given(samples=st.integers(1, 10 * SHARD))
def test_shards_hold_every_sample_once_in_order(samples: int) -> None:
    shards, whole = RowsSpec(code="", data="").split(samples)
    held = [row for shard in shards or [whole] for row in range(samples)[shard.part(samples)]]
    assert held == list(range(samples))
    assert whole.shards == tuple(map(str, shards))
    assert len({spec.digest for spec in (*shards, whole)}) == len(shards) + 1
    assert all(spec.part(samples).stop - spec.part(samples).start <= SHARD for spec in shards)


def test_what_fits_into_one_shard_is_left_whole() -> None:
    spec = RowsSpec(code="", data="")
    assert spec.split(SHARD) == ([], spec)
    assert len(spec.split(SHARD + 1)[0]) == 2


def test_chunks_never_straddle_shards() -> None:
    assert SHARD % CHUNK == 0


def test_rows_of_a_shard_are_rows_of_the_set() -> None:
    assert within(slice(1024, 1500), slice(128, 256)) == slice(1152, 1280)


def test_a_whole_is_read_through_its_shards(tmp_path: Path) -> None:
    store = Store(tmp_path)
    shards, whole = RowsSpec(code="", data="").split(2 * SHARD)

    def number(folder: Path) -> None:
        (folder / "rows").write_text("x")

    for shard in shards:
        store.make(shard, number)
    store.make(whole, lambda folder: write_listing(folder, whole.shards))
    assert pieces(store, "rows", shards[0].digest) == [store.path("rows", shards[0].digest)]
    assert pieces(store, "rows", whole.digest) == [
        store.path("rows", shard.digest) for shard in shards
    ]
    store.remove(str(shards[1]))
    with pytest.raises(DamagedArtifactError):
        pieces(store, "rows", whole.digest)
