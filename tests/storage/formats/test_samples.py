import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from storage.formats.samples import Array, Field, SampleArrays, read_across
from uwm.errors import DamagedArtifactError

FIELDS = {"safe": Field((3,), "float32"), "a/b": Field((2, 2), "uint8", compressed=True)}


def create(folder: Path, samples: int = 10, chunk: int = 4) -> SampleArrays:
    return SampleArrays.create(folder, samples, chunk, FIELDS)


def values(rows: slice) -> dict[str, Array]:
    index = np.arange(rows.start, rows.stop)
    return {
        "safe": np.repeat(index[:, None], 3, 1).astype("float32"),
        "a/b": np.broadcast_to(index[:, None, None], (len(index), 2, 2)).astype("uint8"),
    }


def test_what_is_filled_reads_back(tmp_path: Path) -> None:
    create(tmp_path).fill(lambda rows: rows, lambda rows: values(rows), lambda found: found)
    arrays = SampleArrays(tmp_path)
    assert arrays.samples == 10
    assert arrays.missing() == []
    for name, expected in values(slice(0, 10)).items():
        assert np.array_equal(arrays.read(name), expected)
        assert np.array_equal(arrays.read(name, slice(3, 6)), expected[3:6])


def test_a_killed_fill_goes_on_at_its_first_missing_chunk(tmp_path: Path) -> None:
    done: list[slice] = []

    def compute(rows: slice) -> dict[str, Array]:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(rows)
        return values(rows)

    with pytest.raises(KeyboardInterrupt):
        create(tmp_path).fill(lambda rows: rows, compute, lambda found: found)
    again: list[slice] = []

    def compute_again(rows: slice) -> dict[str, Array]:
        again.append(rows)
        return values(rows)

    resumed = create(tmp_path)
    resumed.fill(lambda rows: rows, compute_again, lambda found: found)
    assert done + again == [slice(0, 4), slice(4, 8), slice(8, 10)]
    assert np.array_equal(resumed.read("safe"), values(slice(0, 10))["safe"])


def test_an_error_while_writing_is_raised(tmp_path: Path) -> None:
    def refuse(found: object) -> dict[str, Array]:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        create(tmp_path).fill(lambda rows: rows, values, refuse)
    assert len(create(tmp_path).missing()) == 3


def test_progress_counts_chunks(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    create(tmp_path).fill(
        lambda rows: rows,
        values,
        lambda found: found,
        lambda done, total: told.append((done, total)),
    )
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_flipped_bit_in_a_chunk_is_never_read(tmp_path: Path) -> None:
    create(tmp_path).fill(lambda rows: rows, values, lambda found: found)
    chunk = next(
        path for path in (tmp_path / "data.zarr" / "safe" / "c").rglob("*") if path.is_file()
    )
    content = bytearray(chunk.read_bytes())
    content[5] ^= 1
    chunk.write_bytes(content)
    with pytest.raises(DamagedArtifactError, match="safe is damaged"):
        SampleArrays(tmp_path).read("safe")


def test_an_array_that_was_not_written_is_no_partition(tmp_path: Path) -> None:
    create(tmp_path).fill(lambda rows: rows, values, lambda found: found)
    shutil.copytree(tmp_path / "data.zarr" / "safe", tmp_path / "data.zarr" / "foreign")
    assert SampleArrays(tmp_path).names == ["safe"]


def test_fewer_samples_than_a_chunk(tmp_path: Path) -> None:
    create(tmp_path, samples=2, chunk=128).fill(lambda rows: rows, values, lambda found: found)
    assert SampleArrays(tmp_path).read("safe").shape == (2, 3)
    assert SampleArrays(tmp_path).names == ["safe"]


def test_rows_are_read_across_pieces(tmp_path: Path) -> None:
    pieces = []
    for start, stop in ((0, 5), (5, 6), (6, 12)):
        (tmp_path / f"{start}").mkdir()
        piece = create(tmp_path / f"{start}", samples=stop - start)
        piece.fill(
            lambda rows: rows,
            lambda rows: values(slice(start + rows.start, start + rows.stop)),
            lambda found: found,
        )
        pieces.append(piece)
    for rows in (slice(0, 12), slice(3, 7), slice(5, 6), slice(6, 9)):
        assert np.array_equal(read_across(pieces, "safe", rows), values(rows)["safe"])


def chunk_files(folder: Path) -> list[Path]:
    return sorted(
        path for path in (folder / "data.zarr").rglob("*") if path.is_file() and path.suffix == ""
    )


def zeros(rows: slice) -> dict[str, Array]:
    return {name: np.zeros_like(value) for name, value in values(rows).items()}


@pytest.mark.parametrize("computed", [values, zeros])
def test_every_chunk_has_a_file_and_one_without_is_damage_never_zeros(
    tmp_path: Path, computed: Callable[[slice], dict[str, Array]]
) -> None:
    create(tmp_path).fill(lambda rows: rows, computed, lambda found: found)
    assert len(chunk_files(tmp_path)) == 6
    (tmp_path / "COMPLETE.json").touch()
    for path in chunk_files(tmp_path):
        path.unlink()
        name = "safe" if "safe" in path.parts else "a/b"
        with pytest.raises(DamagedArtifactError, match=r"chunk \d is missing"):
            SampleArrays(tmp_path).read(name)
    assert not (tmp_path / "COMPLETE.json").exists()  # it is to be made anew


@pytest.mark.parametrize("harm", ["delete", "empty", "zeros", "flip"])
def test_a_marked_chunk_that_a_power_cut_damaged_is_computed_again_and_no_other(
    tmp_path: Path, harm: str
) -> None:
    create(tmp_path).fill(lambda rows: rows, values, lambda found: found)
    path = chunk_files(tmp_path)[-1]
    content = path.read_bytes()
    changed = {"empty": b"", "zeros": bytes(len(content)), "flip": b"#" + content[1:]}
    path.unlink() if harm == "delete" else path.write_bytes(changed[harm])
    resumed = create(tmp_path)
    assert len(resumed.missing()) == 1
    resumed.fill(lambda rows: rows, values, lambda found: found)
    assert path.read_bytes() == content


def test_what_was_half_written_of_a_chunk_is_neither_read_nor_kept(tmp_path: Path) -> None:
    """Zarr reads what is there of a shard before it writes, and leaves own files when killed."""
    fields = {"safe": Field((2, 4), "float32", piece=(1, 4))}
    arrays = SampleArrays.create(tmp_path, 4, 4, fields)
    rows, value = slice(0, 4), {"safe": np.ones((4, 2, 4), "float32")}
    arrays.write(rows, value)
    (chunk,) = chunk_files(tmp_path)
    content = chunk.read_bytes()
    chunk.write_bytes(bytes(len(content)))
    chunk.with_name("0.1234.partial").write_bytes(b"half")
    next((tmp_path / "written").iterdir()).unlink()
    SampleArrays.create(tmp_path, 4, 4, fields).write(rows, value)
    assert chunk.read_bytes() == content
    assert list(chunk.parent.iterdir()) == [chunk]


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"null", None])
def test_damaged_metadata_is_told_and_begun_anew(tmp_path: Path, content: bytes | None) -> None:
    create(tmp_path).fill(lambda rows: rows, values, lambda found: found)
    for place in ("", "safe", "a/b"):
        path = tmp_path / "data.zarr" / place / "zarr.json"
        kept = path.read_bytes()
        if content is None and not place:
            continue  # a group has no codec
        path.write_bytes(content if content is not None else kept.replace(b"crc32c", b"unheard"))
        with pytest.raises(DamagedArtifactError, match="is damaged"):
            SampleArrays(tmp_path).read(place or "safe")
        create(tmp_path).fill(lambda rows: rows, values, lambda found: found)
        assert np.array_equal(SampleArrays(tmp_path).read("safe"), values(slice(0, 10))["safe"])


ABSURD: dict[str, tuple[dict[str, object], list[int] | None]] = {
    "rows without end": ({"shape": [10**15, 3]}, None),
    "rows and samples without end": ({"shape": [10**15, 3], "samples": 10**15}, None),
    "wide without end": ({"shape": [10, 10**12]}, None),
    "wide chunks": ({"shape": [10, 10**12]}, [4, 10**12]),
    "one chunk of all": ({"shape": [10**13, 3], "samples": 10**13}, [10**13, 3]),
    "fewer than none": ({"shape": [-1, 3]}, None),
    "no numbers": ({"shape": ["a", 3]}, None),
    "no whole numbers": ({"shape": [1e300, 3]}, None),
    "chunks of nothing": ({}, [0, 3]),
    "samples that are not a number": ({"samples": "x"}, None),
    "portions of nothing": ({"chunk": 0}, None),
    "another type": ({"data_type": "float64"}, None),
    "objects": ({"data_type": "object"}, None),
    "forty axes": ({"shape": [10] * 40}, [4] * 40),
}


@pytest.mark.parametrize("case", ABSURD)
def test_metadata_with_absurd_figures_is_damage_before_memory_is_taken(
    tmp_path: Path, case: str
) -> None:
    create(tmp_path).fill(lambda rows: rows, values, lambda found: found)
    changes, chunks = ABSURD[case]
    for place in ("", "safe"):
        path = tmp_path / "data.zarr" / place / "zarr.json"
        content = json.loads(path.read_text())
        part = content if place else content["attributes"]
        part |= {name: value for name, value in changes.items() if name in part}
        if place and chunks:
            content["chunk_grid"]["configuration"]["chunk_shape"] = chunks
        path.write_text(json.dumps(content))
    with pytest.raises(DamagedArtifactError, match="is damaged"):
        SampleArrays(tmp_path).read("safe")
