"""Schedules by command: what is wrong with one is told, the user's own mistake first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.cli.app import run
from flows.cli.options import BAD_INPUT
from tests.makers.audit_files import GOOD


@pytest.fixture
def command(tmp_path: Path) -> Iterator[list[str]]:
    """A schedule of a good audit, on a machine that knows of no server."""
    config = tmp_path / "audit.yaml"
    config.write_text(GOOD)
    with temporary_settings({PREFECT_API_URL: None}):
        yield [str(config), "--store", str(tmp_path / "store")]


@pytest.mark.parametrize("name", ["serve", "deploy"])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "a schedule needs a server that stays"),
        (["--cron", "weekly"], "five fields of cron"),
        (["--gc-cron", "61 * * * *"], "five fields of cron"),
    ],
)
def test_what_cannot_be_scheduled_is_told(
    command: list[str],
    capsys: pytest.CaptureFixture[str],
    name: str,
    options: list[str],
    said: str,
) -> None:
    assert run([name, *command, *options]) == BAD_INPUT
    assert said in capsys.readouterr().err
