"""Audits through real flows, and what became of their task runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import State
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId
from prefect.events.worker import EventsWorker

from flows.audit.flow import audit
from uwm.config import AuditConfig, Runner


def audited(
    config: AuditConfig, folder: Path, runner: Runner | None = None
) -> tuple[Any, dict[str, str]]:
    """Run an audit; its results and the states of its task runs."""
    where = str(folder / "store"), str(folder / "out")
    state: Any = audit(config, *where, runner or Runner(), return_state=True)
    return state.result(), task_states(state)


def task_states(state: State[Any]) -> dict[str, str]:
    """The names of an audit's task runs, over all its subflows, with their final states."""
    EventsWorker.drain_all()  # the client sends them in the background,
    parent = state.state_details.flow_run_id
    assert parent is not None
    limit = time.monotonic() + 60
    before: dict[str, str] | None = None
    while (found := _task_states(parent)) != before or {"Pending", "Running"} & {*found.values()}:
        assert time.monotonic() < limit, found
        before = found
        time.sleep(0.3)  # and the server takes its time to write them down
    return found


def _task_states(parent: UUID) -> dict[str, str]:
    with get_client(sync_client=True) as client:
        children = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[parent])
            )
        )
        runs = [
            run
            for child in children
            for run in client.read_task_runs(flow_run_filter=FlowRunFilter(id={"any_": [child.id]}))
        ]
    return {run.name: run.state_name or "" for run in runs}
