from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.store.shards import SHARD, SampledSpec, ShardedSpec, pieces, within, write_listing
from storage.store.store import Store
from uwm.chunks import CHUNK
from uwm.errors import DamagedArtifactError


class SamplesSpec(SampledSpec):
    kind: ClassVar[str] = "samples"
    count: int

    @property
    def samples(self) -> int:
        return self.count


class RowsSpec(ShardedSpec):
    kind: ClassVar[str] = "rows"


def rows_of(samples: int) -> RowsSpec:
    return RowsSpec(code="", data=SamplesSpec(code="", count=samples))


@given(samples=st.integers(1, 10 * SHARD))
def test_shards_hold_every_sample_once_in_order(samples: int) -> None:
    whole = rows_of(samples)
    held = [row for shard in whole.shards or [whole] for row in range(samples)[shard.part]]
    assert held == list(range(samples))
    assert len({whole, *whole.shards}) == len(whole.shards) + 1
    for shard in whole.shards:
        assert shard.part.stop - shard.part.start <= SHARD
        assert shard.shards == ()
        assert shard.inputs == (whole.data,)
    assert whole.inputs == (whole.data, *whole.shards)


def test_what_fits_into_one_shard_is_left_whole() -> None:
    assert rows_of(SHARD).shards == ()
    assert len(rows_of(SHARD + 1).shards) == 2


def test_chunks_never_straddle_shards() -> None:
    assert SHARD % CHUNK == 0


def test_rows_of_a_shard_are_rows_of_the_set() -> None:
    assert within(slice(1024, 1500), slice(128, 256)) == slice(1152, 1280)


def test_a_whole_is_read_through_its_shards(tmp_path: Path) -> None:
    store = Store(tmp_path)
    whole = rows_of(2 * SHARD)
    shards = whole.shards

    def number(folder: Path) -> None:
        (folder / "rows").write_text("x")

    for shard in shards:
        store.make(shard, number)
    store.make(whole, lambda folder: write_listing(folder, whole))
    assert pieces(store, shards[0]) == [store.path(shards[0])]
    assert pieces(store, whole) == [store.path(shard) for shard in shards]
    store.remove(str(shards[1]))
    with pytest.raises(DamagedArtifactError):
        pieces(store, whole)
