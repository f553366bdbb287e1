"""One deployment run per backbone: started together, waited for, started again after a crash."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

from prefect import State, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType, WorkPoolStatus
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.futures import wait
from prefect.runtime import flow_run
from prefect.states import Failed

from flows.operations.runs import crash_stuck
from uwm.config import AuditConfig, BackboneConfig
from uwm.errors import InputError

LOOK_SECONDS = 5.0
"""How often the server is asked for silent runs, and for runs that no worker takes."""
GRACE = timedelta(seconds=30)
"""A pool that is not ready is reported once a run has waited for so long: workers may start."""
_POLL_SECONDS = 2.0


def on_workers(
    client: SyncPrefectClient,
    deployment: str,
    config: AuditConfig,
    store: str,
    restarts: int,
    silent: timedelta,
) -> dict[str, State[Any]]:
    """Audit an audit's backbones by a run of a deployment each, from within a flow run.

    Args:
        deployment: FLOW/DEPLOYMENT of `audit-backbone`.
        store: which every worker reaches.
        restarts: how often one backbone's run is started again that crashed.
        silent: after how long without a heartbeat a run is marked as crashed.

    Returns:
        How each backbone's last run ended, by the backbone's name.

    Raises:
        InputError: there is no such deployment.
    """
    registered = _registered(client, deployment)
    ended = {
        backbone.name: audit_on_worker.submit(registered.id, config, backbone, store, restarts)
        for backbone in config.backbones
    }
    warned = False
    while wait(list(ended.values()), timeout=LOOK_SECONDS).not_done:
        now = datetime.now(UTC)
        crash_stuck(client, silent, now)
        waiting = [run for run in _scheduled(client) if _waits_since(run) + GRACE < now]
        remedy = _remedy(client, registered) if waiting else None
        if remedy and not warned:
            names = ", ".join(sorted(run.name for run in waiting))
            get_run_logger().warning("no worker takes these runs: %s; %s", names, remedy)
        warned = remedy is not None
    for run in ended.values():
        run.wait()  # takes the state from the task itself; the server's copy may lag behind it
    return {name: run.state for name, run in ended.items()}


@task(name="audit on a worker", task_run_name="{backbone.name}", cache_policy=NO_CACHE)
def audit_on_worker(
    deployment: UUID, config: AuditConfig, backbone: BackboneConfig, store: str, restarts: int
) -> State[Any]:
    """Start one backbone's run, wait for it, and start it again where it crashed.

    Returns:
        How its last run ended; failed where somebody deleted that run on the server.
    """
    alone = config.narrowed(backbones=[backbone.name])
    for tries_left in reversed(range(restarts + 1)):
        try:
            run = run_deployment(
                deployment,
                parameters={
                    "config": alone.model_dump(mode="json"),
                    "backbone": backbone.model_dump(mode="json"),
                    "store": store,
                },
                flow_run_name=f"audit · {backbone.name}",
                tags=[backbone.name],
                timeout=None,
                poll_interval=_POLL_SECONDS,
            )
        except ObjectNotFound:
            return Failed(message="its run was deleted on the server; start the audit again")
        state = cast("State[Any]", cast("FlowRun", run).state)  # in a task that is not a coroutine
        if not (state.is_crashed() and tries_left):
            break
        get_run_logger().warning("audit · %s crashed and starts again", backbone.name)
    # A state of another run would be summed up, and its message lost; one of our own is kept.
    return State(type=state.type, name=state.name, message=state.message)


def _registered(client: SyncPrefectClient, deployment: str) -> DeploymentResponse:
    try:
        return client.read_deployment_by_name(deployment)
    except (ObjectNotFound, ValueError) as error:
        raise InputError(
            f"there is no deployment {deployment!r} (FLOW/DEPLOYMENT) on this server; "
            "`uwm deploy` makes one, `prefect deployment ls` shows them"
        ) from error


def _scheduled(client: SyncPrefectClient) -> Sequence[FlowRun]:
    """The runs of this flow run that nobody has taken yet, a page of them."""
    parent = FlowRunFilterParentFlowRunId(any_=[UUID(flow_run.id)])
    scheduled = FlowRunFilterStateType(any_=[StateType.SCHEDULED])
    return client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            parent_flow_run_id=parent, state=FlowRunFilterState(type=scheduled)
        )
    )


def _waits_since(run: FlowRun) -> datetime:
    return run.expected_start_time or datetime.now(UTC)


def _remedy(client: SyncPrefectClient, deployment: DeploymentResponse) -> str | None:
    """What makes runs of a deployment start; None where its pool is ready and only busy."""
    name = deployment.work_pool_name
    if name is None:
        return "their deployment has no work pool; `uwm deploy` registers it with one"
    try:
        status = client.read_work_pool(name).status
    except ObjectNotFound:
        return f"their work pool {name!r} is gone; make it anew and run `uwm deploy`"
    if status == WorkPoolStatus.PAUSED:
        return f"the work pool {name!r} is paused: `prefect work-pool resume {name}`"
    if status == WorkPoolStatus.NOT_READY:
        start = f"prefect worker start --pool {name}"
        return f"the work pool {name!r} has no worker that answers: start one with `{start}`"
    return None
