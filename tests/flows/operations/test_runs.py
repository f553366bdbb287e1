"""Runs of killed processes: told from living ones, and marked as crashed."""

from __future__ import annotations

import importlib
import os
import pkgutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun
from ruamel.yaml import YAML

import flows
from flows.cli.app import run
from flows.cli.options import DONE
from flows.operations.runs import FLOWS, crash_stuck, last_heard

ROOT = Path(__file__).parents[3]
SILENT = timedelta(minutes=10)
SLEEPER = """
import sys, time
from pathlib import Path
from prefect import flow, task

@task
def wait():
    Path(sys.argv[1]).touch()
    time.sleep(600)

@flow(name=sys.argv[2], flow_run_name=sys.argv[3])
def sleeper():
    wait()

sleeper()
"""

pytestmark = pytest.mark.usefixtures("prefect_server")


@contextmanager
def sleeping(folder: Path, flow: str, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process in the middle of a task of a flow run called `name`."""
    from prefect.settings import PREFECT_API_URL

    started = folder / name
    environment = {**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value())}
    process = subprocess.Popen(
        [sys.executable, "-c", SLEEPER, str(started), flow, name], env=environment
    )
    try:
        while not started.exists():
            assert process.poll() is None
            time.sleep(0.1)
        yield process
    finally:
        process.kill()
        process.wait()


def named(client: SyncPrefectClient, name: str) -> FlowRun:
    (found,) = client.read_flow_runs(flow_run_filter=FlowRunFilter(name={"any_": [name]}))
    return found


def heard(client: SyncPrefectClient, name: str) -> datetime:
    """When a run was last heard of, once its first heartbeat has come through."""
    flow_run = named(client, name)
    assert flow_run.start_time is not None
    while (found := last_heard(client, flow_run)) <= flow_run.start_time:
        time.sleep(0.2)
    return found


def found(client: SyncPrefectClient, now: datetime, *, dry_run: bool) -> list[tuple[str, datetime]]:
    """This test's runs among the stuck ones; others have left killed audits on the same server."""
    stuck = crash_stuck(client, SILENT, now, dry_run=dry_run)
    ours = ("killed", "alive", "other")
    return [(flow_run.name, since) for flow_run, since in stuck if flow_run.name in ours]


def test_every_flow_of_ours_is_looked_after() -> None:
    modules = [module.name for module in pkgutil.walk_packages(flows.__path__, "flows.")]
    ours = {
        value.name
        for name in modules
        for value in vars(importlib.import_module(name)).values()
        if isinstance(value, Flow)
    }
    assert set(FLOWS) == ours
    automations = YAML(typ="safe").load(ROOT / "automations.yaml")["automations"]
    (watch,) = [each for each in automations if each["name"] == "uwm · crash silent audits"]
    assert {*watch["trigger"]["match_related"]["prefect.resource.name"]} == ours


def test_only_the_run_of_the_killed_process_is_marked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with get_client(sync_client=True) as client:
        with sleeping(tmp_path, "audit", "killed") as process:
            last = heard(client, "killed")
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        with (
            sleeping(tmp_path, "audit", "alive"),
            sleeping(tmp_path, "not-ours", "other"),
        ):
            assert heard(client, "alive") > last
            now = last + SILENT
            assert found(client, now - timedelta(milliseconds=1), dry_run=True) == []
            for dry_run, state in ((True, "Running"), (False, "Crashed")):
                assert found(client, now, dry_run=dry_run) == [("killed", last)]
                assert named(client, "killed").state_name == state
            assert found(client, now, dry_run=True) == []
            assert named(client, "alive").state_name == "Running"
            assert named(client, "other").state_name == "Running"
            tasks = client.read_task_runs(
                flow_run_filter=FlowRunFilter(id={"any_": [named(client, "killed").id]})
            )
            assert {task.state_name for task in tasks} == {"Crashed"}
    assert run(["runs", "crash-stuck", "--minutes", "600", "--dry-run"]) == DONE
    assert "0 runs would be marked as crashed" in capsys.readouterr().out
