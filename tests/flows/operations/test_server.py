"""Prefect's server before a run and during it: each fault ends in one line that says what to do."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_SERVER_ALLOW_EPHEMERAL_MODE,
    temporary_settings,
)

from flows.cli import options
from flows.cli.app import run
from flows.cli.options import BAD_INPUT, FAILED
from flows.operations.server import check_server, lost
from tests.makers.audit_files import GOOD
from uwm.errors import ServerError


def dead_url() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/api"


def test_a_server_that_answers_is_named(prefect_server: None) -> None:
    assert check_server() == f"{PREFECT_API_URL.value()} answers"


@pytest.mark.parametrize("url", ["dead", "http://127.0.0.1:99999/api", "no url at all"])
def test_a_server_that_is_away_is_told_with_what_to_do(url: str) -> None:
    url = dead_url() if url == "dead" else url
    with (
        temporary_settings({PREFECT_API_URL: url}),
        pytest.raises(ServerError, match=r"does not answer: .*unset PREFECT_API_URL"),
    ):
        check_server()


def test_no_server_at_all_is_told() -> None:
    with (
        temporary_settings(
            {PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: False}, restore_defaults={PREFECT_API_URL}
        ),
        pytest.raises(ServerError, match="PREFECT_API_URL is not set"),
    ):
        check_server()


@pytest.mark.parametrize("name", ["ALL_PROXY", "all_proxy", "HTTP_PROXY"])
def test_a_proxy_that_the_client_cannot_use_is_told(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "socks5://127.0.0.1:9")
    with pytest.raises(ServerError, match=f"{name.upper()} is a SOCKS proxy"):
        check_server()


def test_a_proxy_never_stands_before_a_server_of_this_machine(
    prefect_server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "example.org")
    options.prepare_prefect()
    assert check_server().endswith("answers")


@pytest.mark.parametrize("command", [["audit"], ["sweep", "--tau", "0.01:0.2:3"]])
def test_commands_end_in_a_line_where_no_server_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    with temporary_settings({PREFECT_API_URL: dead_url()}):
        store = ["--store", str(tmp_path / "store"), "--out", str(tmp_path / "out")]
        assert run([command[0], str(tmp_path / "a.yaml"), *command[1:], *store]) == BAD_INPUT
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("error: the Prefect server at PREFECT_API_URL=")


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("All connection attempts failed"),
        RuntimeError("Failed to reach API at http://127.0.0.1:4999/api/"),
        RuntimeError("Timed out while attempting to connect to ephemeral Prefect API server."),
    ],
)
def test_a_server_that_goes_away_in_mid_run_is_told_from_other_faults(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raised = ValueError("what a caller made of it")
    raised.__cause__ = error
    assert "run again" in (lost(raised) or "")
    assert lost(ValueError("another fault")) is None

    def broken(*arguments: object, **options: object) -> None:
        raise raised

    monkeypatch.setattr("flows.cli.app.app", broken)
    assert run(["audit"]) == FAILED
    assert capsys.readouterr().err.startswith("failed: the run lost the Prefect server")
