"""Runs whose process is gone: found by their silence, and marked as crashed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.events.filters import EventFilter, EventNameFilter, EventResourceFilter
from prefect.states import Crashed

FLOWS = (
    "audit",
    "audit-backbone",
    "audit-zoo",
    "inspect",
    "search",
    "search-backbone",
    "store-gc",
    "sweep",
    "sweep-backbone",
)
"""The flows whose runs are ours to judge; a server may hold others'."""
HEARTBEAT = "prefect.flow-run.heartbeat"
_PAGE = 200


def crash_stuck(
    client: SyncPrefectClient, silent: timedelta, now: datetime, *, dry_run: bool = False
) -> list[tuple[FlowRun, datetime]]:
    """Mark every running audit that has been silent for so long as `Crashed`, with its task runs.

    A killed process leaves its run `Running` for ever. A living one sends a heartbeat every
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY seconds (180 unless set), from its start on; `silent` should
    be several times that.

    Args:
        now: aware; a run is silent from its last heartbeat, or its start, until then.
        dry_run: only find them.

    Returns:
        The runs, each with the time it was last heard of.
    """
    running = [(run, last_heard(client, run)) for run in _running(client)]
    found = [(run, heard) for run, heard in running if now - heard >= silent]
    if not dry_run:
        for run, heard in found:
            said = f"nothing heard of its process since {heard:%Y-%m-%d %H:%M:%S} UTC"
            for task_run in _all(client.read_task_runs, **_tasks_of(run)):
                client.set_task_run_state(task_run.id, Crashed(message=said), force=True)
            client.set_flow_run_state(run.id, Crashed(message=said), force=True)
    return found


def _running(client: SyncPrefectClient) -> list[FlowRun]:
    return list(
        _all(
            client.read_flow_runs,
            flow_filter=FlowFilter(name=FlowFilterName(any_=list(FLOWS))),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING]))
            ),
        )
    )


def _tasks_of(run: FlowRun) -> dict[str, Any]:
    running = TaskRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING])
    return {
        "flow_run_filter": FlowRunFilter(id=FlowRunFilterId(any_=[run.id])),
        "task_run_filter": TaskRunFilter(state=TaskRunFilterState(type=running)),
    }


def _all(read: Any, **filters: Any) -> Iterator[Any]:
    """Every page, read before any of it is changed."""
    pages: list[Any] = []
    while page := read(**filters, limit=_PAGE, offset=len(pages)):
        pages += page
        if len(page) < _PAGE:
            break
    return iter(pages)


def last_heard(client: SyncPrefectClient, run: FlowRun) -> datetime:
    """When a run's process was last heard of."""
    found = client.read_events(
        EventFilter(
            event=EventNameFilter(name=[HEARTBEAT]),
            resource=EventResourceFilter(id=[f"prefect.flow-run.{run.id}"]),
        ),
        limit=1,
    ).events
    times = [time for time in (run.start_time, run.created) if time]
    return max(*times, *(event.occurred for event in found))
