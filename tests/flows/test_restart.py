"""Killed at any moment and started again, an audit ends with the same bytes, nothing done twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL

from flows.options import FAILED
from tests.flows.conftest import DOCUMENT

pytestmark = pytest.mark.usefixtures("prefect_server")
RUN = "from flows.cli import main; main()"
MOMENTS = (
    *("pixels/*/written/*", "statistics/*/written/*", "edits/*"),
    *("embeddings/*/written/*", "results/*"),
)


@pytest.fixture
def config(tmp_path: Path, zoo: dict[str, Path]) -> Path:
    from ruamel.yaml import YAML

    path = tmp_path / "small.yaml"
    backbones = [{"kind": "folder", "name": "clip", "folder": str(zoo["clip"])}]
    YAML().dump({**DOCUMENT, "backbones": backbones}, path)
    return path


def start(config: Path, folder: Path, command: str = "audit") -> subprocess.Popen[bytes]:
    """A command in a process (and group) of its own, against this session's server.

    What it says goes to `stderr.log` in `folder`.
    """
    folder.mkdir(exist_ok=True)
    arguments = [
        command,
        str(config),
        "--store",
        str(folder / "store"),
        "--out",
        str(folder / "out"),
    ]
    with (folder / "stderr.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-c", RUN, *arguments],
            env={**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value())},
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
            # Who runs these tests in the background may have them ignore Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )


def wait_for(moment: str, process: subprocess.Popen[bytes], store: Path) -> None:
    """Until something in the store is called as `moment` says."""
    deadline = time.monotonic() + 120
    while not any(store.glob(moment)):
        assert process.poll() is None, "ended before it was killed"
        assert time.monotonic() < deadline, moment
        time.sleep(0.01)


def kill_when(process: subprocess.Popen[bytes], store: Path, moment: str) -> None:
    """Kill it then, and all that it started."""
    wait_for(moment, process, store)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def markers(store: Path) -> Iterator[tuple[Path, int]]:
    """When each chunk was written, wherever its draft lies by now."""
    for path in store.glob("*/*/written/*"):
        relative = path.relative_to(store)
        yield Path(str(relative).replace(".draft", "")), path.stat().st_mtime_ns


def test_killed_five_times_the_audit_ends_with_the_same_bytes(config: Path, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert start(config, whole).wait(300) == 0
    written: dict[Path, int] = {}
    for moment in MOMENTS:
        kill_when(start(config, cut), cut / "store", moment)
        now = dict(markers(cut / "store"))
        assert written.items() <= now.items(), "a completed chunk was written again"
        written = now
    assert start(config, cut).wait(300) == 0
    assert written.items() <= dict(markers(cut / "store")).items()
    for name in ("results.parquet", "results.json"):
        assert (cut / "out" / name).read_bytes() == (whole / "out" / name).read_bytes(), name


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_audit_ends_at_once_and_says_that_it_can_go_on(
    config: Path, tmp_path: Path, number: signal.Signals
) -> None:
    folder = tmp_path / "run"
    process = start(config, folder)
    wait_for("statistics/*.draft", process, folder / "store")
    process.send_signal(number)
    assert process.wait(30) == FAILED
    said = (folder / "stderr.log").read_text()
    assert "interrupted; what was completed is kept" in said
    assert "Traceback" not in said
    assert not (folder / "out" / "results.parquet").exists()
