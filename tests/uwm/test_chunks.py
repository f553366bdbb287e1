"""Chunks: every sample once, in order, and never more than a chunk at a time."""

from __future__ import annotations

import pytest

from uwm.chunks import CHUNK, chunks


@pytest.mark.parametrize("samples", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5])
def test_every_sample_is_in_one_chunk_in_order(samples: int) -> None:
    rows = [row for part in chunks(samples) for row in range(samples)[part]]
    assert rows == list(range(samples))


@pytest.mark.parametrize("samples", [1, CHUNK, CHUNK + 1, 5 * CHUNK])
def test_all_chunks_but_the_last_are_full(samples: int) -> None:
    sizes = [part.stop - part.start for part in chunks(samples)]
    assert set(sizes[:-1]) <= {CHUNK}
    assert 0 < sizes[-1] <= CHUNK
