"""Backbones that a test may damage; a browser; a Prefect server with all its services."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings
from selenium import webdriver

from tests.makers.backbones import write_backbone
from tests.makers.server import prefect_server_process
from tests.makers.small_audits import DOCUMENT, NEURONS, PERCENT

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


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
            "methods": NEURONS,
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
