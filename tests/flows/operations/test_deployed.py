"""A zoo on workers: spread over them, survived when one is killed, cheap when nothing changed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from prefect import State, flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterStartTime,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.schedules import CronSchedule
from ruamel.yaml import YAML

from flows.audit.flow import audit
from flows.cli.app import run
from flows.cli.options import BAD_INPUT, DONE
from flows.operations import deployed
from flows.operations.deployed import on_workers
from flows.operations.deployments import BACKBONE
from flows.stages.each_backbone import failures
from storage.store.store import Store
from tasks.datasets import identify
from tests.makers.runs import audited
from tests.makers.small_audits import DOCUMENT
from tests.makers.workers import HEARTBEAT_SECONDS, prefect, worker
from uwm.config import AuditConfig
from uwm.errors import AuditError

ROOT = Path(__file__).parents[3]
PARENT = "audit-zoo/re-audit-spread"
_LIMIT = 480


@pytest.fixture(scope="module", autouse=True)
def pools(server: str) -> None:
    for pool in ("uwm", "uwm-backbones"):
        prefect("work-pool", "create", pool, "--type", "process")


@pytest.fixture
def config(zoo: dict[str, Path], tmp_path: Path) -> AuditConfig:
    """An audit of two backbones, in a file."""
    document = {
        **DOCUMENT,
        "name": "spread",
        "backbones": [
            {"kind": "folder", "name": name, "folder": str(zoo[name])} for name in ("clip", "coca")
        ],
        "calibration": {"kind": "demo", "split": "calibration", "per_concept": 50},
        "methods": [{"kind": "original"}, {"kind": "uwm"}],
        "zeroshot": [],
    }
    del document["validation"], document["choice"]
    YAML().dump(document, tmp_path / "zoo.yaml")
    return AuditConfig.model_validate(document)


def until(found: Callable[[], Any]) -> Any:
    """What `found` finds, once it does."""
    limit = time.monotonic() + _LIMIT
    while not (value := found()):
        assert time.monotonic() < limit
        time.sleep(0.1)
    return value


def runs_of(client: SyncPrefectClient, deployment: str) -> list[FlowRun]:
    """A deployment's runs that have begun, in order."""
    found = client.read_deployment_by_name(deployment)
    runs = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[found.id])),
        # A schedule lays runs ahead by the hundred, and a page has 200.
        flow_run_filter=FlowRunFilter(start_time=FlowRunFilterStartTime(is_null_=False)),
    )
    return sorted(runs, key=begin)


def completed(client: SyncPrefectClient, deployment: str, count: int) -> list[FlowRun]:
    """A deployment's runs that have completed, once there are so many."""

    def enough() -> list[FlowRun]:
        found = [run for run in runs_of(client, deployment) if run.state_name == "Completed"]
        return found if len(found) >= count else []

    return list(until(enough))


def begin(run: FlowRun) -> datetime:
    assert run.start_time is not None
    return run.start_time


def together(client: SyncPrefectClient) -> list[FlowRun]:
    """Both backbones' runs, while they run at the same time."""
    found = [run for run in runs_of(client, BACKBONE) if run.state_name == "Running"]
    return found if len(found) == 2 else []


def both_waiting(client: SyncPrefectClient) -> list[FlowRun]:
    """Both backbones' runs, while no worker has taken them."""
    waiting = FlowRunFilter(state={"type": {"any_": ["SCHEDULED"]}})
    only = DeploymentFilter(name={"any_": ["audit-backbone"]})
    found = client.read_flow_runs(deployment_filter=only, flow_run_filter=waiting)
    return found if len(found) == 2 else []


def took(log: Path, run: FlowRun) -> bool:
    """Whether a worker's log has a run's own words; it also names runs that it came late for."""
    return f"runs/flow-run/{run.id}" in log.read_text()


def markers(store: Path) -> dict[str, int]:
    """When each chunk of statistics was written, wherever its draft lies by now."""
    return {
        f"{path.parents[1].name.removesuffix('.draft')}/{path.name}": path.stat().st_mtime_ns
        for path in store.glob("statistics/*/written/*")
    }


@contextmanager
def held(store: Path, config: AuditConfig) -> Iterator[None]:
    """The store while nobody can make the calibration set, which every run needs first."""
    _, spec = identify(config.calibration, config.seed)
    with Store(store).lock(spec.kind, spec.digest):
        yield


def captures(store: Path) -> int:
    """How many towers have a chunk of their statistics."""
    return len({marker.split("/")[0] for marker in markers(store)})


# First: a worker that is gone counts as one that answers for a minute.
def test_a_run_that_no_worker_takes_is_told_and_one_that_is_deleted_ends(
    config: AuditConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(deployed, "LOOK_SECONDS", 0.5)
    monkeypatch.setattr(deployed, "GRACE", timedelta(0))
    # Prefect's loggers do not pass on what they log.
    monkeypatch.setattr(logging.getLogger("prefect.flow_runs"), "propagate", True)
    monkeypatch.setattr(logging.getLogger("prefect"), "propagate", True)
    options = ["--store", str(tmp_path / "store"), "--cron", "never", "--gc-cron", "never"]
    assert run(["deploy", str(tmp_path / "zoo.yaml"), *options]) == DONE

    @flow
    def parent() -> dict[str, State[Any]]:
        with get_client(sync_client=True) as client:
            where = str(tmp_path / "store")
            return on_workers(client, BACKBONE, config, where, 1, timedelta(minutes=10))

    with (
        get_client(sync_client=True) as client,
        ThreadPoolExecutor(1) as other,
    ):
        running = other.submit(copy_context().run, parent)  # this server is a setting
        until(lambda: "no worker takes these runs" in caplog.text)
        assert "prefect worker start --pool uwm-backbones" in caplog.text
        for waiting in until(lambda: both_waiting(client)):
            client.delete_flow_run(waiting.id)
        states = running.result(timeout=60)
    assert set(states) == {"clip", "coca"}
    assert all("was deleted" in str(state.message) for state in states.values())
    with pytest.raises(AuditError, match="clip: its run was deleted on the server"):
        failures(states, "audited")


def test_a_zoo_is_spread_over_workers_outlives_one_and_is_cheap_when_unchanged(
    config: AuditConfig, tmp_path: Path
) -> None:
    store, out, logs = tmp_path / "store", tmp_path / "out", tmp_path
    options = ["--store", str(store), "--out", str(out), "--cron", "never", "--gc-cron", "never"]
    assert run(["deploy", str(tmp_path / "zoo.yaml"), *options]) == DONE
    with (
        get_client(sync_client=True) as client,
        worker("uwm", "parents", logs / "parents.log"),
        worker("uwm-backbones", "second", logs / "second.log"),
    ):
        deployment = client.read_deployment_by_name(PARENT)
        silent = {"silent_minutes": 1.5 * HEARTBEAT_SECONDS / 60}
        with worker("uwm-backbones", "first", logs / "first.log") as first:
            with held(store, config):
                client.create_flow_run_from_deployment(
                    deployment.id, parameters={**deployment.parameters, **silent}
                )
                # Each of one place, and two runs at the same time: one run on each.
                pair = until(lambda: together(client))
            # Two towers a backbone: of three captures each backbone has one at least.
            until(lambda: captures(store) > 2)
            its_own = psutil.Process(first.pid)
            for process in (its_own, *its_own.children(recursive=True)):
                process.kill()
            written = markers(store)
        (killed,) = (run for run in pair if took(logs / "first.log", run))
        (other,) = (run for run in pair if took(logs / "second.log", run))

        single = tmp_path / "single"
        audit(config, str(single / "store"), str(single / "out"))
        completed(client, PARENT, 1)
        states = {run.id: run.state_name for run in runs_of(client, BACKBONE)}
        assert states.pop(killed.id) == "Crashed"
        assert states.pop(other.id) == "Completed"
        assert list(states.values()) == ["Completed"]  # the killed one's, started again
        assert written.items() <= markers(store).items()
        for name in ("results.parquet", "results.json"):
            assert (out / name).read_bytes() == (single / "out" / name).read_bytes()
    # What workers have made is all there, and the same, for whoever asks next.
    before = (out / "results.parquet").read_bytes()
    assert set(audited(config, tmp_path)[1].values()) == {"Cached"}
    assert (out / "results.parquet").read_bytes() == before


def test_what_prefect_yaml_declares_is_deployed() -> None:
    prefect("deploy", "--all", "--prefect-file", "prefect.yaml", folder=ROOT)
    with get_client(sync_client=True) as client:
        zoo = client.read_deployment_by_name("audit-zoo/re-audit-zoo")
        backbone = client.read_deployment_by_name(BACKBONE)
        clearing = client.read_deployment_by_name("store-gc/store-gc")
    assert zoo.parameters["deployment"] == BACKBONE
    assert zoo.work_pool_name != backbone.work_pool_name
    for deployment, cron in ((zoo, "0 3 * * 1"), (clearing, "30 2 * * *")):
        (listed,) = deployment.schedules
        assert isinstance(listed.schedule, CronSchedule)
        assert listed.schedule.cron == cron
    assert not backbone.schedules
    assert zoo.global_concurrency_limit is not None
    assert zoo.global_concurrency_limit.limit == 1
    for found in (zoo, backbone, clearing):
        assert found.description
        assert "uwm" in found.tags
        assert found.pull_steps == [
            {"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}
        ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--pool", "nowhere"], "no work pool 'nowhere'"),
        (["--pool", "uwm-backbones"], "a pool of their own"),
        (["--cron", "weekly"], "five fields of cron"),
    ],
)
@pytest.mark.usefixtures("config")
def test_what_cannot_be_deployed_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    where = ["--store", str(tmp_path / "store")]
    assert run(["deploy", str(tmp_path / "zoo.yaml"), *where, *options]) == BAD_INPUT
    assert said in capsys.readouterr().err
