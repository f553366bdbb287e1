"""Arrays with a row per sample: named, chunked alike, filled chunk by chunk, resumable.

A Zarr group of arrays that share their first axis. Chunks are checksummed (CRC-32C), and a chunk
of samples counts as written once its marker exists, so a killed writer goes on at its first
missing chunk. Used for pixels, tokens, statistics and embeddings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.storage import LocalStore

from uwm.errors import DamagedArtifactError

Array = NDArray[Any]
Loaded = TypeVar("Loaded")
Computed = TypeVar("Computed")
_DATA, _MARKERS = "data.zarr", "written"


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
        self._group = zarr.open_group(LocalStore(folder / _DATA), mode="r+")
        self.samples = cast("int", self._group.attrs["samples"])
        self.chunk = cast("int", self._group.attrs["chunk"])
        self.attributes: Mapping[str, object] = self._group.attrs.asdict()
        self._arrays: dict[str, zarr.Array[Any]] = {}

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

        Args:
            samples: length of the first axis.
            chunk: samples per chunk, and per call of `fill`'s functions.
            fields: arrays by name.
            attributes: JSON to keep beside them.
        """
        ready = folder / _MARKERS
        if not ready.is_dir():
            group = zarr.create_group(LocalStore(folder / _DATA), overwrite=True)
            group.attrs.update({**(attributes or {}), "samples": samples, "chunk": chunk})
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
            ready.mkdir()
        return cls(folder)

    @property
    def names(self) -> list[str]:
        """The arrays at the top, sorted: the partitions of pixels, tokens and embeddings."""
        return sorted(name for name, _ in self._group.arrays())

    def chunks(self) -> Iterator[slice]:
        """The rows of each chunk, in order."""
        for start in range(0, self.samples, self.chunk):
            yield slice(start, min(start + self.chunk, self.samples))

    def missing(self) -> list[slice]:
        """The rows of chunks that are not written yet."""
        return [rows for rows in self.chunks() if not self._marker(rows).exists()]

    def shape(self, name: str) -> tuple[int, ...]:
        """The whole shape of one array, samples first."""
        return tuple(self._array(name).shape)

    def read(self, name: str, rows: slice | tuple[slice, int] = slice(None)) -> Array:
        """Rows of one array, or of one place on its second axis.

        Raises:
            DamagedArtifactError: a chunk's checksum does not fit its bytes.
        """
        try:
            return np.asarray(self._array(name)[rows])
        except (ValueError, RuntimeError) as error:
            raise DamagedArtifactError(
                f"{self._folder.name}: {name} is damaged: {error}"
            ) from error

    def write(self, rows: slice, arrays: Mapping[str, Array]) -> None:
        """Write one chunk of every array, then mark it as written."""
        for name, values in arrays.items():
            self._array(name)[rows] = values
        self._marker(rows).touch()

    def fill(
        self,
        load: Callable[[slice], Loaded],
        compute: Callable[[Loaded], Computed],
        store: Callable[[Computed], Mapping[str, Array]],
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        """Compute and write every missing chunk.

        Loading the next chunk and storing the last one overlap with computing this one, each in a
        thread of its own: reads, copies from a device and writes hide behind the forward pass.

        Args:
            load: rows to inputs.
            compute: inputs to results, perhaps still on a device.
            store: results to arrays in memory, by name.
            progress: told the number of chunks done and in all, after each.
        """
        missing, total = self.missing(), len(list(self.chunks()))
        done = total - len(missing)
        with ThreadPoolExecutor(1) as loader, ThreadPoolExecutor(1) as writer:
            written: Future[None] | None = None
            ahead = loader.submit(load, missing[0]) if missing else None
            for position, rows in enumerate(missing):
                if ahead is None:
                    break
                inputs = ahead.result()
                following = missing[position + 1 : position + 2]
                ahead = loader.submit(load, following[0]) if following else None
                results = compute(inputs)
                if written is not None:
                    written.result()
                written = writer.submit(
                    lambda rows, got: self.write(rows, store(got)), rows, results
                )
                progress(done + position + 1, total)
            if written is not None:
                written.result()

    def _array(self, name: str) -> zarr.Array[Any]:
        if name not in self._arrays:
            array = self._group[name]
            if not isinstance(array, zarr.Array):
                raise DamagedArtifactError(f"{self._folder.name}: {name} is no array")
            self._arrays[name] = array
        return self._arrays[name]

    def _marker(self, rows: slice) -> Path:
        return self._folder / _MARKERS / f"{rows.start:09d}"


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
