"""The shipped automations on a real server: read as they are, and one of them shown firing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow
from ruamel.yaml import YAML

from flows.audit.flow import audit
from flows.audit.history import REGRESSED
from flows.operations.runs import FLOWS, HEARTBEAT
from tests.makers.policies import ANY_FALL, damage, judged
from tests.makers.workers import prefect
from uwm.config import AuditConfig

FILE = Path(__file__).parents[2] / "automations.yaml"


def test_they_listen_to_what_audits_say() -> None:
    hold, crash = YAML(typ="safe").load(FILE)["automations"]
    assert hold["trigger"]["expect"] == [REGRESSED]
    assert crash["trigger"]["after"] == [HEARTBEAT]
    assert tuple(crash["trigger"]["match_related"]["prefect.resource.name"]) == FLOWS


@pytest.fixture
def automated(server: str) -> Iterator[None]:
    """The server with the shipped automations, for the time of a test: they watch every run."""
    prefect("automation", "create", "--from-file", str(FILE))
    yield
    with get_client(sync_client=True) as client:
        for automation in client.read_automations():
            client.delete_automation(automation.id)


@pytest.mark.usefixtures("automated")
def test_a_regression_holds_the_deployment_that_found_it(
    document: Callable[..., dict[str, Any]], model: Path, tmp_path: Path
) -> None:
    settings = document(ANY_FALL)
    judged(settings, tmp_path)

    root = str(FILE.parent)
    with get_client(sync_client=True) as client:
        deployment_id = client.create_deployment(
            flow_id=client.create_flow(audit),
            name="weekly",
            entrypoint="flows/audit/flow.py:audit",
            # Without a step a runner copies the whole folder.
            pull_steps=[{"prefect.deployments.steps.set_working_directory": {"directory": root}}],
            parameters={
                "config": AuditConfig.model_validate(settings).model_dump(mode="json"),
                "store": str(tmp_path / "store"),
                "out": str(tmp_path / "out"),
            },
        )

    def run_it() -> None:
        with get_client(sync_client=True) as client:
            flow_run = client.create_flow_run_from_deployment(deployment_id)
        run_flow(audit, flow_run=flow_run, parameters=flow_run.parameters)

    run_it()
    with get_client(sync_client=True) as client:
        assert not client.read_deployment(deployment_id).paused
        damage(model)
        run_it()
        for _ in range(300):
            if client.read_deployment(deployment_id).paused:
                break
            time.sleep(0.2)
        assert client.read_deployment(deployment_id).paused
