"""Prefect's workers, as processes of their own that can be killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from prefect.settings import PREFECT_API_URL

HEARTBEAT_SECONDS = 30
"""The least that Prefect takes."""


def environment() -> dict[str, str]:
    """Of a process that talks to the same server as this one."""
    return {
        **os.environ,
        "PREFECT_API_URL": str(PREFECT_API_URL.value()),
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_WORKER_PREFETCH_SECONDS": "1",
        "DO_NOT_TRACK": "1",
    }


def prefect(*arguments: str, folder: Path | None = None) -> str:
    """Prefect's own command line; what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "prefect", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
        cwd=folder,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def worker(pool: str, name: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker of one place."""
    command = ["worker", "start", "--pool", pool, "--name", name, "--limit", "1"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", *command],
            env=environment(),
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            of_it = psutil.Process(process.pid)
            for running in (of_it, *of_it.children(recursive=True)):
                running.kill()
        process.wait()
