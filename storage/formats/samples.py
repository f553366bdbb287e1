"""Arrays with a row per sample: named, chunked alike, filled chunk by chunk, resumable.

A Zarr group of arrays that share their first axis. Chunks are checksummed (CRC-32C). A chunk counts
as written once its marker exists, and that exists once the chunk is on the disk: a killed writer
goes on at its first missing chunk. Zarr reads a chunk without a file as zeros; here every chunk has
its file, and one without it is damaged. Used for pixels, tokens, statistics and embeddings.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.storage import LocalStore

from storage.store import durable
from storage.store.integrity import withdraw
from uwm.errors import DamagedArtifactError

Array = NDArray[Any]
Loaded = TypeVar("Loaded")
Computed = TypeVar("Computed")
_DATA, _MARKERS = "data.zarr", "written"
_ARRAYS = "arrays"
"""The attribute that lists them: what else lies in the folder, such as another's, is not read."""
_EVERY_CHUNK = {"array.write_empty_chunks": True}


@dataclass(frozen=True)
class Field:
    """One array: its shape behind the sample axis and its type.

    Attributes:
        compressed: for pixels; activations and embeddings are noise to a compressor.
        piece: the part of `shape` that is read by itself, where that is not the whole; a chunk is
            then a shard of such pieces, written as one file.
    """

    shape: tuple[int, ...]
    dtype: str
    compressed: bool = False
    piece: tuple[int, ...] | None = None

    @property
    def row_bytes(self) -> int:
        """Bytes of one sample before compression."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    def stored_bytes(self, samples: int, chunk: int) -> int:
        """Bytes of the array before compression; Zarr writes the last chunk in full, too."""
        rows = max(1, min(chunk, samples))
        return -(-samples // rows) * rows * self.row_bytes


class SampleArrays:
    """Open the arrays in `folder`, to read or to go on writing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._arrays: dict[str, zarr.Array[Any]] = {}
        with self._told(_DATA):
            self._group = zarr.open_group(LocalStore(folder / _DATA), mode="r+")
            self.samples = cast("int", self._group.attrs["samples"])
            self.chunk = cast("int", self._group.attrs["chunk"])
            self.attributes: Mapping[str, object] = self._group.attrs.asdict()
            self._names = cast("list[str]", self.attributes[_ARRAYS])

    @classmethod
    def create(
        cls,
        folder: Path,
        samples: int,
        chunk: int,
        fields: Mapping[str, Field],
        attributes: Mapping[str, Any] | None = None,
    ) -> SampleArrays:
        """The arrays in `folder`: a killed writer's where they are there, else new ones.

        Of a killed writer's chunks those count that can be read; the others are written again.

        Args:
            samples: length of the first axis.
            chunk: samples per chunk, and per call of `fill`'s functions.
            fields: arrays by name.
            attributes: JSON to keep beside them.
        """
        ready = folder / _MARKERS
        if ready.is_dir() and (found := cls._left(folder, samples, chunk, fields)) is not None:
            return found
        shutil.rmtree(ready, ignore_errors=True)
        with zarr.config.set(_EVERY_CHUNK):
            group = zarr.create_group(LocalStore(folder / _DATA), overwrite=True)
            group.attrs.update(attributes or {})
            group.attrs.update({"samples": samples, "chunk": chunk, _ARRAYS: list(fields)})
            for name, field in fields.items():
                rows = min(chunk, samples)
                group.create_array(
                    name,
                    shape=(samples, *field.shape),
                    chunks=(rows, *(field.piece or field.shape)),
                    shards=(rows, *field.shape) if field.piece else None,
                    dtype=field.dtype,
                    compressors=[*([ZstdCodec()] if field.compressed else []), Crc32cCodec()],
                )
        durable.sync_below(folder / _DATA)
        ready.mkdir()
        durable.sync(folder)
        return cls(folder)

    @classmethod
    def _left(
        cls, folder: Path, samples: int, chunk: int, fields: Mapping[str, Field]
    ) -> SampleArrays | None:
        """What a killed writer left, without chunks that are damaged or not marked; None if of no
        use."""
        try:
            found = cls(folder)
            same = (found.samples, found.chunk) == (samples, chunk) and all(
                found.shape(name) == (samples, *field.shape) for name, field in fields.items()
            )
        except DamagedArtifactError:
            return None
        if not same:
            return None
        for torn in (folder / _DATA).rglob("*.partial"):  # what Zarr was writing
            torn.unlink()
        for rows in found.chunks():
            if found._marker(rows).exists():
                try:
                    for name in fields:
                        found.read(name, rows)
                except DamagedArtifactError:
                    found._marker(rows).unlink()
            if found.lacks(rows):  # Zarr would read what is there of it first
                for name in fields:
                    found._chunk(name, rows.start // chunk).unlink(missing_ok=True)
        return found

    @property
    def names(self) -> list[str]:
        """The arrays at the top, sorted: the partitions of pixels, tokens and embeddings."""
        return sorted(name for name in self._names if "/" not in name)

    def chunks(self) -> Iterator[slice]:
        """The rows of each chunk, in order."""
        for start in range(0, self.samples, self.chunk):
            yield slice(start, min(start + self.chunk, self.samples))

    def lacks(self, rows: slice) -> bool:
        """Whether the chunk with these rows is not written yet."""
        return not self._marker(rows).exists()

    def missing(self) -> list[slice]:
        """The rows of chunks that are not written yet."""
        return [rows for rows in self.chunks() if self.lacks(rows)]

    def shape(self, name: str) -> tuple[int, ...]:
        """The whole shape of one array, samples first."""
        return tuple(self._array(name).shape)

    def read(self, name: str, rows: slice | tuple[slice, int] = slice(None)) -> Array:
        """Rows of one array, or of one place on its second axis.

        An artifact in which a chunk is damaged counts as missing from then on.

        Raises:
            DamagedArtifactError: a chunk's checksum does not fit its bytes, or it has no file.
        """
        with self._told(name):
            array = self._array(name)
            start, stop, _ = (rows[0] if isinstance(rows, tuple) else rows).indices(self.samples)
            for number in range(start // self.chunk, -(-stop // self.chunk)):
                if start < stop and not self._chunk(name, number).is_file():
                    raise DamagedArtifactError(f"chunk {number} is missing")
            return np.asarray(array[rows])

    def write(self, rows: slice, arrays: Mapping[str, Array]) -> None:
        """Write one chunk of every array, and once it is on the disk mark it as written."""
        number = rows.start // self.chunk
        for name, values in arrays.items():
            self._array(name)[rows] = values
            chunks = self._folder / _DATA / name / "c"
            durable.sync_below(chunks / str(number))
            durable.sync(chunks)
            durable.sync(chunks.parent)
        self._marker(rows).touch()
        durable.sync(self._folder / _MARKERS)

    def fill(
        self,
        load: Callable[[slice], Loaded],
        compute: Callable[[Loaded], Computed],
        store: Callable[[Computed], Mapping[str, Array]],
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        """Compute and write every missing chunk, see `fill_together`.

        Args:
            load: rows to inputs.
            compute: inputs to results, perhaps still on a device.
            store: results to arrays in memory, by name.
            progress: told the number of chunks done and in all, after each.
        """
        fill_together(
            [self],
            load,
            lambda inputs, _: compute(inputs),
            lambda results: [store(results)],
            progress,
        )

    def _array(self, name: str) -> zarr.Array[Any]:
        if name not in self._arrays:
            with self._told(name), zarr.config.set(_EVERY_CHUNK):
                array = self._group[name]
                if not isinstance(array, zarr.Array):
                    raise DamagedArtifactError("it is not an array")
                self._arrays[name] = array
        return self._arrays[name]

    def _chunk(self, name: str, number: int) -> Path:
        """The file of a chunk, which takes the whole of every axis but the first."""
        rest = ["0"] * (len(self.shape(name)) - 1)
        return self._folder.joinpath(_DATA, name, "c", str(number), *rest)

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        """Whatever damaged metadata and chunks make Zarr raise, as one error."""
        try:
            yield
        except Exception as error:
            withdraw(self._folder)
            why = str(error) or type(error).__name__
            raise DamagedArtifactError(
                f"{self._folder.name}: {name} is damaged ({why}); run the audit again to "
                "recompute it"
            ) from error

    def _marker(self, rows: slice) -> Path:
        return self._folder / _MARKERS / f"{rows.start:09d}"


def fill_together(
    members: Sequence[SampleArrays],
    load: Callable[[slice], Loaded],
    compute: Callable[[Loaded, Sequence[int]], Computed],
    store: Callable[[Computed], Sequence[Mapping[str, Array]]],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Compute and write every chunk that a member is missing, once for all that are missing it.

    Loading the next chunk and storing the last one overlap with computing this one, each in a
    thread of its own: reads, copies from a device and writes hide behind the forward pass.

    Args:
        members: arrays with as many samples and chunks each.
        load: rows to inputs.
        compute: inputs, and the places of the members that are missing the chunk, to results,
            perhaps still on a device.
        store: results to arrays in memory by name, for each of these members.
        progress: told the number of chunks done and in all, after each.
    """
    chunks = list(members[0].chunks())
    missing = [
        (rows, places)
        for rows in chunks
        if (places := [place for place, each in enumerate(members) if each.lacks(rows)])
    ]
    done = len(chunks) - len(missing)

    def write(rows: slice, places: Sequence[int], results: Computed) -> None:
        for place, arrays in zip(places, store(results), strict=True):
            members[place].write(rows, arrays)

    with ThreadPoolExecutor(1) as loader, ThreadPoolExecutor(1) as writer:
        written: Future[None] | None = None
        ahead = loader.submit(load, missing[0][0]) if missing else None
        for position, (rows, places) in enumerate(missing):
            if ahead is None:
                break
            inputs = ahead.result()
            following = missing[position + 1 : position + 2]
            ahead = loader.submit(load, following[0][0]) if following else None
            results = compute(inputs, places)
            if written is not None:
                written.result()
            written = writer.submit(write, rows, places, results)
            progress(done + position + 1, len(chunks))
        if written is not None:
            written.result()


def read_across(pieces: Sequence[SampleArrays], name: str, rows: slice) -> Array:
    """Rows of one array of a set of samples that lies in pieces, in order; no piece is read whole.

    Raises:
        DamagedArtifactError: see `SampleArrays.read`.
    """
    found, start = [], 0
    for piece in pieces:
        part = slice(max(rows.start - start, 0), min(rows.stop - start, piece.samples))
        if part.start < part.stop:
            found.append(piece.read(name, part))
        start += piece.samples
    return np.concatenate(found)
