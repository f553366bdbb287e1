"""Commands of ours as processes of their own, which can be killed like any other.

They fork from one process that has done the imports, most of what a small command takes.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path

from prefect.settings import PREFECT_API_URL, temporary_settings

from tests.makers.server import SILENT
from tests.soak.disk import Disk

_FORKS = multiprocessing.get_context("forkserver")
_MODULES = ["flows.audit.flow", "flows.search.flow", "flows.sweep.flow", "prefect_dask"]


def preload() -> None:
    """Start the process that all others fork from, and have it do the imports."""
    _FORKS.set_forkserver_preload(_MODULES)
    forkserver.ensure_running()


def start(command: str, config: Path, folder: Path) -> BaseProcess:
    """`uwm COMMAND CONFIG` with its store and results in `folder`, against this session's server.

    It leads a group of its own. What it says goes to `said.log` in `folder`.
    """
    options = ["--store", str(folder / "store"), "--out", str(folder / "out")]
    return launch([command, str(config), *options], folder)


def launch(arguments: list[str], folder: Path, refusing: Path | None = None) -> BaseProcess:
    """`uwm ARGUMENTS`, likewise.

    Args:
        refusing: a folder in which nothing can be written.
    """
    folder.mkdir(exist_ok=True)
    preload()
    server = str(PREFECT_API_URL.value())
    process = _FORKS.Process(
        target=_command, args=(arguments, server, folder / "said.log", refusing)
    )
    process.start()
    return process


def _command(arguments: list[str], server: str, log: Path, refusing: Path | None) -> None:
    from flows.cli.app import main

    os.setsid()
    os.fsync = lambda fd: None  # see `no_power_cuts`
    with log.open("ab") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    # Who runs these tests in the background may have them ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["uwm", *arguments]
    if refusing is not None:
        Disk(refusing, "refused").install()
    with temporary_settings({PREFECT_API_URL: server, **SILENT}):
        main()


def ended(process: BaseProcess, seconds: float = 300) -> int | None:
    """The exit code of a process that ends within so long; None where it does not."""
    process.join(seconds)
    return process.exitcode


def wait_for(moment: str, process: BaseProcess, store: Path, count: int = 1) -> None:
    """Until so many things in the store are called as `moment` says."""
    deadline = time.monotonic() + 120
    while len(list(store.glob(moment))) < count:
        assert process.is_alive(), "ended before its moment"
        assert time.monotonic() < deadline, moment
        time.sleep(0.01)


def kill_when(process: BaseProcess, store: Path, moment: str, count: int = 1) -> None:
    """Kill it then, and all that it started."""
    wait_for(moment, process, store, count)
    assert process.pid is not None
    os.killpg(process.pid, signal.SIGKILL)
    process.join()


def markers(store: Path) -> Iterator[tuple[Path, int]]:
    """When each chunk was written, wherever its draft lies by now."""
    for path in store.glob("*/*/written/*"):
        relative = path.relative_to(store)
        yield Path(str(relative).replace(".draft", "")), path.stat().st_mtime_ns
