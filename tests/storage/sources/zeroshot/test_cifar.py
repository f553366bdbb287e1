"""The restricted unpickler: what it reads, and that a hostile pickle runs nothing."""

from __future__ import annotations

import os
import pickle
import struct
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from storage.sources.zeroshot import cifar
from storage.sources.zeroshot.cifar import read_pickle
from tests.makers.zeroshot_layouts import CIFAR_PIXELS, Python2, Wide
from uwm.errors import SourceError


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.path),))


def test_python_2_arrays_are_read(tmp_path: Path) -> None:
    path = tmp_path / "batch"
    path.write_bytes(Python2().dump({"data": CIFAR_PIXELS, "labels": [1, 2], "batch_label": "x"}))
    found = read_pickle(path)
    assert np.array_equal(found["data"], CIFAR_PIXELS)
    assert found["data"].dtype == np.uint8
    assert (found["labels"], found["batch_label"]) == ([1, 2], "x")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_malicious_pickle_is_refused_and_does_nothing(tmp_path: Path, protocol: int) -> None:
    harm, path = tmp_path / "harm", tmp_path / "batch"
    path.write_bytes(pickle.dumps({"data": Evil(harm), "labels": []}, protocol))
    with pytest.raises(SourceError, match=r"asks for (posix|nt|os)\.mkdir"):
        read_pickle(path)
    assert not harm.exists()
    pickle.loads(path.read_bytes())
    assert harm.exists()  # it was indeed malicious


@pytest.mark.parametrize(
    ("module", "name"),
    [("builtins", "eval"), ("numpy", "load"), ("numpy.core.multiarray", "scalar"), ("numpy", "f")],
)
def test_only_the_names_of_an_array_are_known(tmp_path: Path, module: str, name: str) -> None:
    path = tmp_path / "batch"
    path.write_bytes(f"\x80\x02c{module}\n{name}\n.".encode("latin1"))
    with pytest.raises(SourceError, match=f"asks for {module}.{name}".replace(".", r"\.")):
        read_pickle(path)


def test_no_code_of_numpy_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever looks one of the three names up gets what fails when it is called."""

    def refuse(*arguments: object) -> None:
        raise AssertionError("a pickle called NumPy")

    (tmp_path / "batch").write_bytes(Python2().dump({"data": CIFAR_PIXELS}))
    module = SimpleNamespace(_reconstruct=refuse)
    monkeypatch.setitem(sys.modules, "numpy.core.multiarray", module)
    monkeypatch.setattr(np, "dtype", refuse)
    assert np.array_equal(read_pickle(tmp_path / "batch")["data"], CIFAR_PIXELS)
    with pytest.raises(AssertionError):
        pickle.loads((tmp_path / "batch").read_bytes(), encoding="latin1")


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": (2, 4)},
        {"shape": (1 << 30, 1 << 30)},
        {"shape": (-2, -3)},
        {"shape": (6,)},
        {"kind": "O"},
        {"kind": "f8"},
        {"fortran": True},
        {"content": ["x"] * 6},
        {"content": Wide("€" * 6)},
    ],
)
def test_an_array_that_does_not_fit_its_bytes_is_refused(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    def pickled(shape: object, kind: str, fortran: bool, content: object) -> Path:
        written = Python2()
        written.out.write(b"}(")
        written.put("data")
        written.array(shape, kind, fortran, content)
        (tmp_path / "batch").write_bytes(written.out.getvalue() + b"u.")
        return tmp_path / "batch"

    fits: dict[str, Any] = {"shape": (2, 3), "kind": "u1", "fortran": False, "content": "x" * 6}
    assert read_pickle(pickled(**fits))["data"].shape == (2, 3)
    with pytest.raises(SourceError, match=r"uint8 arrays of two axes|not a readable CIFAR file"):
        read_pickle(pickled(**fits | changes))


def test_a_memo_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "batch"
    path.write_bytes(b"\x80\x02}r" + struct.pack("<I", 0xFFFFFFFF) + b".")
    with pytest.raises(SourceError, match="a memo of 4294967295 entries"):
        read_pickle(path)


def test_a_file_that_is_too_large_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "batch").write_bytes(Python2().dump({"data": CIFAR_PIXELS}))
    monkeypatch.setattr(cifar, "MAX_FILE", 100)
    with pytest.raises(SourceError, match="larger than 100 bytes"):
        read_pickle(tmp_path / "batch")


@pytest.mark.parametrize("cut", [0, 1, 10, 5000])
def test_a_damaged_pickle_is_named(tmp_path: Path, cut: int) -> None:
    whole = Python2().dump({"data": CIFAR_PIXELS})
    (tmp_path / "batch").write_bytes(whole[:cut])
    with pytest.raises(SourceError, match="not a readable CIFAR file"):
        read_pickle(tmp_path / "batch")


def test_what_is_no_dictionary_is_named(tmp_path: Path) -> None:
    (tmp_path / "batch").write_bytes(Python2().dump([1]))
    with pytest.raises(SourceError, match="it is a list"):
        read_pickle(tmp_path / "batch")


@pytest.mark.parametrize(
    "batch",
    [
        {"labels": [0]},
        {"data": CIFAR_PIXELS, "labels": [0]},
        {"data": CIFAR_PIXELS, "labels": [0, 0, 0, 0, 3]},
        {"data": CIFAR_PIXELS, "labels": [0, 0, 0, 0, -1]},
        {"data": CIFAR_PIXELS, "labels": ["0"] * 5},
        {"data": CIFAR_PIXELS[:, :100].copy(), "labels": [0] * 5},
        {"data": "x", "labels": [0]},
    ],
)
def test_labels_and_rows_fit(tmp_path: Path, batch: dict[str, object]) -> None:
    (tmp_path / "test_batch").write_bytes(Python2().dump(batch))
    (tmp_path / "batches.meta").write_bytes(Python2().dump({"label_names": ["a", "b", "c"]}))
    with pytest.raises(SourceError, match="it does not"):
        cifar.cifar10(tmp_path, "paper")
