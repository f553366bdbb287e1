"""CIFAR-10 and CIFAR-100: arrays in pickles, the one place where the project reads a pickle.

A pickle is a program. These are read by an unpickler that knows three names, NumPy's array, its
data type and its constructor, and puts inert stand-ins in their place: no code of NumPy or of
anyone else runs, and what the stand-ins were given is checked before it becomes an array.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from storage.sources.zeroshot.labelled import Pictures
from storage.sources.zeroshot.layout import layout
from uwm.config import Protocol
from uwm.errors import SourceError

_SIDE, _CHANNELS = 32, 3
_ROW = _CHANNELS * _SIDE * _SIDE
MAX_FILE = 64 << 20
_MAX_MEMO = 1 << 20
"""Entries of the unpickler's memo, which grows to the largest index that a file names."""


@layout(
    "cifar10",
    top="cifar-10-batches-py",
    wanted="cifar-10-batches-py/test_batch and batches.meta",
    needs=("test_batch", "batches.meta"),
)
def cifar10(folder: Path, protocol: Protocol) -> Pictures:
    """CIFAR-10's test batch."""
    return _cifar(folder / "test_batch", "labels", folder / "batches.meta", "label_names")


@layout(
    "cifar100",
    top="cifar-100-python",
    wanted="cifar-100-python/test and meta",
    needs=("test", "meta"),
)
def cifar100(folder: Path, protocol: Protocol) -> Pictures:
    """CIFAR-100's test set, by fine label."""
    return _cifar(folder / "test", "fine_labels", folder / "meta", "fine_label_names")


def read_pickle(path: Path) -> dict[str, Any]:
    """The dictionary of plain values and `uint8` arrays that a CIFAR pickle holds.

    Raises:
        SourceError: the file is damaged, too large, or names anything but NumPy's arrays.
    """
    try:
        if path.stat().st_size > MAX_FILE:
            raise SourceError(f"{path} is larger than {MAX_FILE} bytes; CIFAR's files are not")
        content = path.read_bytes()
        memo = [
            int(argument or 0)
            for code, argument, _ in pickletools.genops(content)
            if code.name in ("PUT", "BINPUT", "LONG_BINPUT")
        ]
        if max(memo, default=0) > _MAX_MEMO:
            raise SourceError(f"{path} asks for a memo of {max(memo)} entries; it is hostile")
        found = _Unpickler(io.BytesIO(content), encoding="latin1").load()
        if not isinstance(found, dict):
            raise SourceError(f"{path} should hold a dictionary; it is a {type(found).__name__}")
        return {
            str(key): value.array(path) if isinstance(value, _Array) else value
            for key, value in found.items()
        }
    except SourceError:
        raise
    except Exception as error:  # a damaged program fails in many ways
        raise SourceError(f"{path} is not a readable CIFAR file: {error}") from error


class _DataType:
    """Stands for `numpy.dtype`; keeps what it was called with."""

    def __init__(self, *arguments: object) -> None:
        self.name = arguments[0] if arguments else None

    def __setstate__(self, state: object) -> None:
        """Byte order and alignment do not matter to bytes."""


class _Array:
    """Stands for `numpy.ndarray`; keeps the state that it was given."""

    def __init__(self, *arguments: object) -> None:
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state

    def array(self, path: Path) -> NDArray[np.uint8]:
        match self.state:
            case (_, (int(rows), int(columns)), _DataType(name="u1"), False | 0, str(text)):
                content = text.encode("latin1")
                if rows * columns == len(content) and rows >= 0 and columns > 0:
                    return np.frombuffer(content, np.uint8).reshape(rows, columns)
        raise SourceError(f"{path} should hold uint8 arrays of two axes; it holds others")


_STAND_INS: dict[tuple[str, str], type] = {
    (module, name): stand_in
    for package in ("numpy.core", "numpy._core")
    for module, name, stand_in in (
        (f"{package}.multiarray", "_reconstruct", _Array),
        ("numpy", "ndarray", _Array),
        ("numpy", "dtype", _DataType),
    )
}


class _Unpickler(pickle.Unpickler):  # noqa: S301 - finds stand-ins alone, and no other class
    def find_class(self, module: str, name: str, /) -> type:
        if (module, name) not in _STAND_INS:
            raise SourceError(
                f"a CIFAR file holds arrays and plain values; this one asks for {module}.{name} "
                "and is not read. Get the archive anew from its makers."
            )
        return _STAND_INS[module, name]


def _cifar(path: Path, labels: str, meta: Path, names: str) -> Pictures:
    batch, described = read_pickle(path), read_pickle(meta)
    data, of, classes = batch.get("data"), batch.get(labels), described.get(names)
    if (
        not isinstance(data, np.ndarray)
        or data.shape[1] != _ROW
        or not isinstance(of, list)
        or not isinstance(classes, list)
        or len(of) != len(data)
        or not all(isinstance(name, str) for name in classes)
        or not all(type(label) is int and 0 <= label < len(classes) for label in of)
    ):
        raise SourceError(
            f"{path} should hold `data`, rows of {_ROW} bytes, and `{labels}`, as many numbers of "
            f"the `{names}` in {meta.name}; it does not"
        )

    def row(reference: str) -> NDArray[np.uint8]:
        found: NDArray[np.uint8] = data[int(reference)]
        return found

    return Pictures(
        references=[str(row) for row in range(len(data))],
        labels=[classes[label] for label in of],
        classes=classes,
        read=lambda reference: _png(row(reference)),
        fingerprint=lambda reference: row(reference).tobytes(),
    )


def _png(row: NDArray[np.uint8]) -> bytes:
    pixels = row.reshape(_CHANNELS, _SIDE, _SIDE).transpose(1, 2, 0)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
