"""A small audit of random backbones on shipped pictures, run through real flows; a browser."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import State
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings
from selenium import webdriver

from flows.audit.flow import audit
from tests.conftest import write_backbone
from tests.makers.server import prefect_server_process
from uwm.config import AuditConfig, Runner

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
DOCUMENT: dict[str, Any] = {
    "name": "small",
    "batch_size": 16,
    "threads": 1,
    "resamples": 100,
    "calibration": {"kind": "demo", "split": "calibration", "per_concept": 2},
    "validation": {"kind": "demo", "split": "validation", "per_concept": 1},
    "benchmarks": [{"kind": "demo", "split": "test", "per_concept": 2}],
    "zeroshot": [{"kind": "demo", "set": "subjects"}],
    "methods": [
        {"kind": "original"},
        {"kind": "uwm"},
        {"kind": "neurons", "share": [0.1, 0.2]},
        {"kind": "random", "of": "uwm", "seeds": 2},
    ],
    "choice": {"max_loss": 100},
}
PLAIN: dict[str, Any] = {
    "methods": [{"kind": "original"}, {"kind": "uwm", "roles": {"image": ["fc1"], "text": []}}],
    "validation": None,
    "zeroshot": [],
}
"""Changes of that document which leave little to compute: one method, one tower."""


@pytest.fixture(scope="session")
def small(zoo: dict[str, Path]) -> Callable[..., AuditConfig]:
    """The small audit of some families, with parts of its document changed."""

    def config(*families: str, **changes: Any) -> AuditConfig:
        backbones = [
            {"kind": "folder", "name": family, "folder": str(zoo[family])}
            for family in families or ("clip",)
        ]
        return AuditConfig.model_validate({**DOCUMENT, "backbones": backbones, **changes})

    return config


METHODS = [{"kind": "original"}, {"kind": "neurons", "roles": {"image": ["fc1"], "text": []}}]
PERCENT = {"kind": "demo", "split": "test", "per_concept": 5}
"""A benchmark of 100 pairs: a pair is a percent."""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A backbone that a test may damage."""
    return write_backbone(tmp_path / "models" / "one", "clip", seed=3)


@pytest.fixture
def document(model: Path) -> Callable[..., dict[str, Any]]:
    """An audit of that backbone with these rules."""

    def made(rules: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
        return {
            **DOCUMENT,
            "backbones": [{"kind": "folder", "name": "one", "folder": str(model)}],
            "methods": METHODS,
            "benchmarks": [PERCENT],
            "policy": {"rules": rules},
            **changes,
        }

    return made


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A real browser, headless."""
    if BROWSER is None or DRIVER is None:
        pytest.skip("needs chromium and chromedriver (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    profile = tmp_path_factory.mktemp("profile")
    for argument in (
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield opened
    opened.quit()


@pytest.fixture
def driver(browser: webdriver.Chrome) -> webdriver.Chrome:
    """That browser, with what earlier tests' pages complained of forgotten."""
    browser.get_log("browser")
    return browser


@pytest.fixture(scope="session")
def server_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A Prefect server with all its services: its API's URL and its home."""
    home = tmp_path_factory.mktemp("prefect")
    with prefect_server_process(home) as url:
        yield url, home


@pytest.fixture(scope="module")
def server(server_process: tuple[str, Path]) -> Iterator[str]:
    """That server in place of the session's own, which schedules nothing and reacts to nothing."""
    url, home = server_process
    with temporary_settings({PREFECT_API_URL: url, PREFECT_HOME: home}):
        EventsWorker.drain_all()  # the one that there is sends to the session's server
        yield url
        EventsWorker.drain_all()


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
