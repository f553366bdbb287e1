from pathlib import Path

import torch

from storage.formats import standing
from storage.formats.gradient_sums import keep_sums, kept_sums
from uwm.layers import LayerId

LAYER = LayerId("image", 11, "fc1", "gate")


def test_the_latest_sums_read_back_and_leave_no_trace(tmp_path: Path) -> None:
    assert kept_sums(tmp_path) == (0, None)
    for samples in (6, 12):
        keep_sums(tmp_path, samples, {LAYER: torch.full((2, 3), float(samples))})
    samples, sums = kept_sums(tmp_path)
    assert samples == 12
    assert sums is not None
    assert torch.equal(sums[LAYER], torch.full((2, 3), 12.0))
    standing.drop(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_part_of_a_sum_may_be_a_view(tmp_path: Path) -> None:
    packed = torch.arange(12.0).reshape(6, 2)
    keep_sums(tmp_path, 1, {LAYER: packed.chunk(3)[1].T})
    _, sums = kept_sums(tmp_path)
    assert sums is not None
    assert torch.equal(sums[LAYER], packed[2:4].T)
