"""Writers to a store that are processes of their own; they import the store alone."""

from __future__ import annotations

import multiprocessing
import os
import time
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import ClassVar

from storage.store.store import Store
from tests.makers.artifacts import Numbers, spec

FILES = 150
"""Of an artifact that takes a moment to upload."""
_SPAWN = multiprocessing.get_context("spawn")


class Resumable(Numbers):
    """Keeps what an interrupted writer has written."""

    resumable: ClassVar[bool] = True


def uploading(url: str) -> BaseProcess:
    """Writes `spec()` in `FILES` files."""
    return _started(_SPAWN.Process(target=_write, args=(url, None, FILES, None)))


def writing(url: str, cache: Path, content: str) -> BaseProcess:
    """Writes `spec()` in 20 files of that content, through a cache of its own."""
    return _started(_SPAWN.Process(target=_write, args=(url, str(cache), 20, content)))


def hanging(root: Path) -> BaseProcess:
    """Has written the first file of a `Resumable` and waits."""
    started = _SPAWN.Event()
    process = _started(_SPAWN.Process(target=_hang, args=(root, started)))
    assert started.wait(60)
    return process


def _started(process: BaseProcess) -> BaseProcess:
    process.start()
    return process


def _write(url: str, cache: str | None, files: int, content: str | None) -> None:
    if cache is not None:
        os.environ["UWM_CACHE"] = cache

    def build(folder: Path) -> None:
        for number in range(files):
            (folder / f"{number:03d}").write_text(content or str(number))

    Store(url).make(spec(), build)


def _hang(root: Path, started: Event) -> None:
    def build(folder: Path) -> None:
        (folder / "first").touch()
        started.set()
        time.sleep(60)

    Store(root).make(Resumable(code="a", count=1), build)
