"""The shipped automations on a real server: read as they are, and one of them shown firing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.runner import Runner
from ruamel.yaml import YAML

from flows.audit import audit
from flows.keeping import REGRESSED
from flows.runs import FLOWS, HEARTBEAT
from tests.flows.test_verdict import ANY_FALL, damage, document, judged, model
from uwm.config import AuditConfig

__all__ = ["document", "model"]  # fixtures

FILE = Path(__file__).parents[2] / "automations.yaml"
pytestmark = pytest.mark.usefixtures("prefect_server")


def test_they_listen_to_what_audits_say() -> None:
    hold, crash = YAML(typ="safe").load(FILE)["automations"]
    assert hold["trigger"]["expect"] == [REGRESSED]
    assert crash["trigger"]["after"] == [HEARTBEAT]
    assert tuple(crash["trigger"]["match_related"]["prefect.resource.name"]) == FLOWS


def test_a_regression_holds_the_deployment_that_found_it(
    document: Callable[..., dict[str, Any]], model: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "prefect", "automation", "create", "--from-file", str(FILE)]
    created = subprocess.run(command, capture_output=True, text=True, check=False)
    assert created.returncode == 0, created.stdout + created.stderr
    settings = document(ANY_FALL)
    judged(settings, tmp_path)

    async def deployed_run() -> Any:
        runner = Runner(name="weekly")
        deployment = await audit.to_deployment(  # type: ignore[misc]
            "weekly",
            parameters={
                "config": AuditConfig.model_validate(settings).model_dump(mode="json"),
                "store": str(tmp_path / "store"),
                "out": str(tmp_path / "out"),
            },
        )
        deployment_id = await runner.add_deployment(deployment)
        async with get_client() as client:
            flow_run = await client.create_flow_run_from_deployment(deployment_id)
        await runner.execute_flow_run(flow_run.id)
        return deployment_id

    deployment_id = asyncio.run(deployed_run())
    with get_client(sync_client=True) as client:
        assert not client.read_deployment(deployment_id).paused
        damage(model)
        asyncio.run(deployed_run())
        for _ in range(300):
            if client.read_deployment(deployment_id).paused:
                break
            time.sleep(0.2)
        assert client.read_deployment(deployment_id).paused
