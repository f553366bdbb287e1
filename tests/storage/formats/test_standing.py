"""What a draft notes is read back whole, or counts as none."""

from __future__ import annotations

from pathlib import Path

import torch

from storage.formats.standing import drop, note, noted


def test_the_last_note_counts_and_leaves_no_trace(tmp_path: Path) -> None:
    assert noted(tmp_path) is None
    for steps in (1, 2):
        note(tmp_path, {"a.up": torch.full((2,), float(steps))}, {"steps": steps})
    found = noted(tmp_path)
    assert found is not None
    tensors, content = found
    assert (tensors["a.up"].tolist(), content) == ([2.0, 2.0], {"steps": 2})
    (tmp_path / ".standing-12").write_bytes(b"of a killed writer")
    drop(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_view_and_another_type_read_back(tmp_path: Path) -> None:
    tensors = {"view": torch.arange(12.0).reshape(6, 2).T[:, 1:4], "step": torch.tensor(7)}
    note(tmp_path, tensors, {})
    found = noted(tmp_path)
    assert found is not None
    assert all(found[0][name].equal(tensor) for name, tensor in tensors.items())


def test_no_bit_flips_unnoticed_and_no_torn_file_counts(tmp_path: Path) -> None:
    note(tmp_path, {"sum": torch.ones(3)}, {"samples": 6})
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for place in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        assert noted(tmp_path) is None, place
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert noted(tmp_path) is None, length
