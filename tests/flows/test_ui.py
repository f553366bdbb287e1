"""What people see of an audit in Prefect's own UI, opened in a real browser."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterKey,
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
)
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.wait import WebDriverWait

from flows.audit.flow import audit
from tests.makers.small_audits import PLAIN
from uwm.config import AuditConfig

_SECONDS = 60


def backbone_run(config: AuditConfig, folder: Path) -> UUID:
    """Audit a single backbone; its flow run."""
    state: Any = audit(config, str(folder / "store"), str(folder / "out"), return_state=True)
    parent = FlowRunFilterParentFlowRunId(any_=[state.state_details.flow_run_id])
    with get_client(sync_client=True) as client:
        (run,) = client.read_flow_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id=parent))
    return run.id


def shown(driver: webdriver.Chrome, *texts: str, again: float = 0) -> str:
    """The page's text, once it has all of these; opened anew every `again` seconds, if asked to."""
    began = opened = time.monotonic()
    while True:
        found = driver.find_element(By.TAG_NAME, "body").text
        missing = [text for text in texts if text not in found]
        if not missing:
            return str(found)
        now = time.monotonic()
        assert now - began < _SECONDS, f"{missing} not in\n{found}"
        if again and now - opened > again:
            driver.refresh()
            open_task_runs(driver)
            opened = now
        time.sleep(0.2)


def open_task_runs(driver: webdriver.Chrome) -> None:
    tab = expected_conditions.element_to_be_clickable((By.ID, "task-runs"))
    WebDriverWait(driver, _SECONDS).until(tab).click()


def hosts(driver: webdriver.Chrome) -> set[str | None]:
    """Where pages have sent requests since the last call."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    urls = [
        urlsplit(message["params"]["request"]["url"])
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    return {url.hostname for url in urls if url.scheme in ("http", "https")}


def test_the_run_its_stages_and_the_summary_are_seen_and_nothing_leaves_the_machine(
    small: Callable[..., AuditConfig], tmp_path: Path, server: str, driver: webdriver.Chrome
) -> None:
    config, site = small("clip", name="seen", **PLAIN), server.removesuffix("/api")
    driver.set_window_size(1400, 900)  # a narrow one has no tabs
    hosts(driver)

    first = backbone_run(config, tmp_path)
    driver.get(f"{site}/runs/flow-run/{first}")
    shown(driver, "audit · clip", "Completed", "audit-backbone")
    assert driver.find_elements(By.TAG_NAME, "canvas")  # the graph
    open_task_runs(driver)
    # The server writes task runs down after their flow run's end, and a page asks once.
    shown(driver, "capture statistics · clip · image", "evaluate · clip · uwm", again=10)

    driver.get(f"{site}/runs/flow-run/{backbone_run(config, tmp_path)}")
    shown(driver, "Completed")
    open_task_runs(driver)
    last = shown(driver, "capture statistics · clip · image", "evaluate · clip · uwm", again=10)
    assert last.count("Cached") >= 4

    with get_client(sync_client=True) as client:
        key = ArtifactFilterKey(any_=["audit-seen"])
        artifact = client.read_artifacts(artifact_filter=ArtifactFilter(key=key))[0]
    driver.get(f"{site}/artifacts/artifact/{artifact.id}")
    report = str((tmp_path / "out" / "report.html").resolve())
    shown(driver, "Audit seen", "P_t_u", "original", report)
    assert hosts(driver) == {"127.0.0.1"}


@pytest.fixture(autouse=True)
def on_the_server(server: str) -> None:
    """Every test here talks to the server with a UI."""
