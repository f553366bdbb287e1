from pathlib import Path

import pytest
import torch
from torch import Tensor

from storage.formats.statistics import StatisticsArrays, fill_statistics
from uwm.errors import DamagedArtifactError
from uwm.method.statistics import Activations
from uwm.partitions import PARTITIONS, Partition

WIDTHS = {"fc2/00": 8, "fc2/01": 8, "qkv/00": 2}
SAMPLES = 10


def observed(rows: Tensor) -> dict[str, Activations]:
    """Activations that say where they are from: the row, plus a tenth of the input's place."""
    return {
        name: Activations(rows.expand(-1, width) + place / 10, -rows.expand(-1, width) - place / 10)
        for place, (name, width) in enumerate(WIDTHS.items())
    }


def load(part: Partition, rows: slice) -> Tensor:
    offset = 100.0 * PARTITIONS.index(part)
    return torch.arange(SAMPLES)[rows, None] + offset


def filled(folder: Path) -> StatisticsArrays:
    arrays = StatisticsArrays.create(folder, SAMPLES, 4, WIDTHS)
    fill_statistics([arrays], load, lambda rows, names: observed(rows))
    return StatisticsArrays(folder)


def test_every_input_comes_back_as_it_was_observed(tmp_path: Path) -> None:
    arrays = filled(tmp_path)
    for index, part in enumerate(PARTITIONS):
        expected = observed(load(part, slice(None)))
        for name in WIDTHS:
            found = arrays.read(name)[index]
            torch.testing.assert_close(found.norm, expected[name].norm, rtol=0, atol=0)
            torch.testing.assert_close(found.std, expected[name].std, rtol=0, atol=0)


def test_rows_are_a_part_of_the_whole(tmp_path: Path) -> None:
    arrays = filled(tmp_path)
    assert arrays.samples == SAMPLES
    whole = arrays.read("fc2/01")[1].norm
    parts = [arrays.read("fc2/01", rows)[1].norm for rows in arrays.chunks()]
    assert torch.equal(torch.cat(parts), whole)


def test_inputs_of_one_width_are_one_file_per_chunk(tmp_path: Path) -> None:
    filled(tmp_path)
    files = [path for path in (tmp_path / "data.zarr").rglob("c/**/*") if path.is_file()]
    assert len(files) == len(set(WIDTHS.values())) * 3


def test_a_damaged_shard_is_not_read(tmp_path: Path) -> None:
    arrays = filled(tmp_path)
    shard = next(
        path for path in (tmp_path / "data.zarr" / "width-8").rglob("c/0/**/*") if path.is_file()
    )
    content = bytearray(shard.read_bytes())
    content[5] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DamagedArtifactError):
        arrays.read("fc2/00", slice(0, 4))


def test_an_input_that_was_not_captured_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        filled(tmp_path).read("fc1/00")
