"""One deployment run per backbone: started together, waited for, started again after a crash."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

from prefect import State, get_run_logger
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound

from flows.operations.runs import crash_stuck
from uwm.config import AuditConfig, BackboneConfig
from uwm.errors import InputError

_POLL_SECONDS = 2.0
_LOOK_SECONDS = 5.0
"""How often silent runs are looked for."""
_PAGE = 100


class DeployedBackbones:
    """The runs of an audit's backbones on workers.

    Args:
        deployment: FLOW/DEPLOYMENT of `audit-backbone`.
        store: which every worker reaches.
        restarts: how often one backbone's run is started again that crashed.
        silent: after how long without a heartbeat a run is marked as crashed.

    Raises:
        InputError: there is no such deployment.
    """

    def __init__(
        self,
        client: SyncPrefectClient,
        deployment: str,
        config: AuditConfig,
        store: str,
        restarts: int,
        silent: timedelta,
    ) -> None:
        try:
            self._deployment = client.read_deployment_by_name(deployment).id
        except (ObjectNotFound, ValueError) as error:
            raise InputError(
                f"there is no deployment {deployment!r} (FLOW/DEPLOYMENT) on this server; "
                "`uwm deploy` makes one, `prefect deployment ls` shows them"
            ) from error
        self._client, self._config, self._store = client, config, store
        self._restarts, self._silent = restarts, silent
        self._tries: Counter[str] = Counter()
        self._running: dict[UUID, BackboneConfig] = {}

    def wait(self) -> dict[str, State[Any]]:
        """Start every backbone's run and wait until all have ended; their final states by name."""
        ended: dict[str, State[Any]] = {}
        looked = time.monotonic()
        for backbone in self._config.backbones:
            self._start(backbone)
        while self._running:
            time.sleep(_POLL_SECONDS)
            for run, state in self._finished():
                backbone = self._running.pop(run.id)
                if state.is_crashed() and self._tries[backbone.name] <= self._restarts:
                    get_run_logger().warning("%s crashed and starts again", run.name)
                    self._start(backbone)
                else:
                    ended[backbone.name] = state
            if time.monotonic() - looked > _LOOK_SECONDS:
                crash_stuck(self._client, self._silent, datetime.now(UTC))
                looked = time.monotonic()
        return {backbone.name: ended[backbone.name] for backbone in self._config.backbones}

    def _start(self, backbone: BackboneConfig) -> None:
        self._tries[backbone.name] += 1
        alone = self._config.narrowed(backbones=[backbone.name])
        run = cast(
            "FlowRun",
            run_deployment(
                self._deployment,
                parameters={
                    "config": alone.model_dump(mode="json"),
                    "backbone": backbone.model_dump(mode="json"),
                    "store": self._store,
                },
                flow_run_name=f"audit · {backbone.name}",
                tags=[backbone.name],
                timeout=0,  # do not wait
            ),
        )  # from a flow that is no coroutine
        self._running[run.id] = backbone

    def _finished(self) -> Iterable[tuple[FlowRun, State[Any]]]:
        ids = list(self._running)
        for start in range(0, len(ids), _PAGE):
            page = self._client.read_flow_runs(
                flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=ids[start : start + _PAGE]))
            )
            yield from ((run, run.state) for run in page if run.state and run.state.is_final())
