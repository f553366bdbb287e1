"""Killed at any moment and started again, an audit ends with the same bytes, nothing done twice."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from flows.cli.options import FAILED
from tests.makers.commands import ended, kill_when, markers, start, wait_for
from tests.makers.small_audits import DOCUMENT, PLAIN

pytestmark = pytest.mark.usefixtures("prefect_server")
MOMENTS = (
    *("pixels/*/written/*", "statistics/*/written/*", "edits/*"),
    *("embeddings/*/written/*", "results/*"),
)


@pytest.fixture
def config(tmp_path: Path, zoo: dict[str, Path]) -> Path:
    from ruamel.yaml import YAML

    path = tmp_path / "small.yaml"
    backbones = [{"kind": "folder", "name": "clip", "folder": str(zoo["clip"])}]
    YAML().dump({**DOCUMENT, **PLAIN, "backbones": backbones}, path)
    return path


def test_killed_five_times_the_audit_ends_with_the_same_bytes(config: Path, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert ended(start("audit", config, whole)) == 0
    written: dict[Path, int] = {}
    for moment in MOMENTS:
        kill_when(start("audit", config, cut), cut / "store", moment)
        now = dict(markers(cut / "store"))
        assert written.items() <= now.items(), "a completed chunk was written again"
        written = now
    assert ended(start("audit", config, cut)) == 0
    assert written.items() <= dict(markers(cut / "store")).items()
    for name in ("results.parquet", "results.json"):
        assert (cut / "out" / name).read_bytes() == (whole / "out" / name).read_bytes(), name


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_audit_ends_at_once_and_says_that_it_can_go_on(
    config: Path, tmp_path: Path, number: signal.Signals
) -> None:
    folder = tmp_path / "run"
    process = start("audit", config, folder)
    wait_for("statistics/*.draft", process, folder / "store")
    assert process.pid is not None
    os.kill(process.pid, number)
    assert ended(process, 30) == FAILED
    said = (folder / "said.log").read_text()
    assert "interrupted; what was completed is kept" in said
    assert "Traceback" not in said
    assert not (folder / "out" / "results.parquet").exists()
