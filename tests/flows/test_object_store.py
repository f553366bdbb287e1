"""An audit whose store is on an object store: shared by machines, and cached on each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.audit.flow import audit
from flows.cli.app import run
from flows.cli.options import BAD_INPUT, DONE
from tests.makers.object_store import Bucketful
from tests.makers.runs import task_states
from uwm.config import AuditConfig

pytestmark = pytest.mark.usefixtures("prefect_server")


def test_a_machine_with_an_empty_cache_finds_every_stage_cached(
    small: Callable[..., AuditConfig],
    s3: Bucketful,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = small(methods=[{"kind": "uwm"}], zeroshot=[])
    found: dict[str, Any] = {}
    for place in ("here", "there"):
        s3.machine(place)
        state: Any = audit(config, s3.url, str(tmp_path / f"out-{place}"), return_state=True)
        state.result()
        found[place] = set(task_states(state).values())
    assert "Completed" in found["here"]
    assert found["there"] == {"Cached"}
    for name in ("results.parquet", "results.json"):
        here, there = (tmp_path / f"out-{place}" / name for place in ("here", "there"))
        assert here.read_bytes() == there.read_bytes()
    assert not (s3.machine("there").root / "pixels").exists(), "fetched what nothing reads"

    assert run(["store", "ls", "--store", s3.url]) == DONE
    assert "copies on this machine" in capsys.readouterr().out
    assert run(["store", "verify", "--store", s3.url]) == DONE
    assert ", 0 damaged" in capsys.readouterr().out
    assert run(["store", "gc", "--store", s3.url, "--older-than-hours", "0"]) == DONE
    assert "0 folders" in capsys.readouterr().out


def test_a_bucket_that_is_not_there_is_told_before_anything_runs(
    s3: Bucketful, capsys: pytest.CaptureFixture[str]
) -> None:
    config = str(Path("flows/examples/demo.yaml").resolve())
    assert run(["audit", config, "--store", "s3://uwm-nowhere/zoo"]) == BAD_INPUT
    assert "there is no bucket" in capsys.readouterr().err
