"""A layer at the pooled token comes back as it was written, in pieces as in one."""

from __future__ import annotations

from pathlib import Path

import torch

from storage.formats.pooled import PooledArrays, pooled_arrays, pooled_fields
from storage.formats.samples import SampleArrays
from uwm.method.moments import Pooled

SAMPLES, NODES, OUTPUTS, CHUNK = 13, 5, 3, 4


def drawn(samples: int, seed: int) -> dict[str, Pooled]:
    generator = torch.Generator().manual_seed(seed)
    return {
        partition: Pooled(
            torch.randn(samples, NODES, generator=generator),
            torch.randn(samples, OUTPUTS, generator=generator),
        )
        for partition in ("safe", "unsafe")
    }


def written(folder: Path, samples: dict[str, Pooled], rows: slice) -> None:
    count = rows.stop - rows.start
    fields = pooled_fields(samples, NODES, OUTPUTS)
    arrays = SampleArrays.create(folder, count, CHUNK, fields)
    for part in arrays.missing():
        own = slice(rows.start + part.start, rows.start + part.stop)
        arrays.write(
            part,
            pooled_arrays(
                {name: Pooled(p.reads[own], p.stream[own]) for name, p in samples.items()}
            ),
        )


def test_pieces_read_as_one_set_of_samples(tmp_path: Path) -> None:
    samples = drawn(SAMPLES, 0)
    written(tmp_path / "whole", samples, slice(0, SAMPLES))
    written(tmp_path / "first", samples, slice(0, 6))
    written(tmp_path / "second", samples, slice(6, SAMPLES))
    whole = PooledArrays([tmp_path / "whole"])
    pieces = PooledArrays([tmp_path / "first", tmp_path / "second"])
    for arrays in (whole, pieces):
        assert arrays.samples == SAMPLES
        assert sorted(arrays.partitions) == ["safe", "unsafe"]
        for partition, expected in samples.items():
            for rows in (slice(0, SAMPLES), slice(4, 9), slice(6, 7)):
                found = arrays.read(partition, rows)
                assert torch.equal(found.reads, expected.reads[rows])
                assert torch.equal(found.stream, expected.stream[rows])
