"""Every example that a command's help shows is run, on one small audit with one store."""

from __future__ import annotations

import os
import re
import shlex
import signal
import time
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest
from cyclopts import App
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from ruamel.yaml import YAML

from flows.cli.app import app, run
from flows.cli.options import DONE
from tests.makers.commands import ended, launch
from tests.makers.small_audits import DOCUMENT

pytestmark = pytest.mark.usefixtures("prefect_server")


def commands(of: App, name: str = "") -> Iterator[tuple[str, str]]:
    """Every command that there is, with its docstring."""
    if of.default_command is not None:
        yield name, of.default_command.__doc__ or ""
    for part in of:
        if not part.startswith("-"):
            yield from commands(of[part], f"{name} {part}".strip())


HELP = dict(commands(app))
EXAMPLES = [
    line.strip()
    for text in HELP.values()
    for line in text.splitlines()
    if line.startswith("        uwm ")
]
ORDER = ("plan", "audit", "export", "history", "sweep", "search", "inspect")


def place(example: str) -> int:
    """Audits come before what reads their results."""
    command = example.split()[1]
    return ORDER.index(command) if command in ORDER else len(ORDER)


def test_every_command_has_an_example_but_the_one_that_takes_minutes() -> None:
    without = [
        name for name in HELP if not any(line.startswith(f"uwm {name}") for line in EXAMPLES)
    ]
    assert without == ["demo"]


def test_every_value_that_a_help_text_suggests_is_in_an_example() -> None:
    suggested = {
        found.strip("\"'")
        for text in HELP.values()
        for found in re.findall(r"such as\s+(\"[^\"]+\"|'[^']+'|[^\s;,)`]+)", text)
    }
    shown = "\n".join(EXAMPLES)
    assert suggested
    assert [value for value in suggested if value.rstrip(".") not in shown] == []


def test_every_example_runs(
    zoo: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = {
        **DOCUMENT,
        "name": "mine",
        "backbones": [
            {"kind": "folder", "name": "vit", "folder": str(zoo["clip"])},
        ],
        "zeroshot": [],
        "methods": [{"kind": "uwm"}],
    }
    YAML().dump(document, tmp_path / "mine.yaml")
    with get_client(sync_client=True) as client:
        for pool in ("uwm", "uwm-backbones"):
            client.create_work_pool(WorkPoolCreate(name=pool, type="process"), overwrite=True)
    with chdir(tmp_path):
        for example in sorted(EXAMPLES, key=place):
            _, *arguments = shlex.split(example)
            if arguments[0] == "serve":
                serves(arguments, tmp_path)
                continue
            assert run(arguments) == DONE, f"{example}\n{''.join(capsys.readouterr())}"
    assert {path.name for path in tmp_path.iterdir()} >= {
        *("vit-repaired", "vit-for-transformers", "history.html"),
    }


def serves(arguments: list[str], folder: Path) -> None:
    """A command that runs until it is stopped: it says that it is ready, and ends when told to."""
    places = ["--store", str(folder / ".uwm" / "store"), "--out", str(folder / "served")]
    process = launch([arguments[0], str(folder / arguments[1]), *arguments[2:], *places], folder)
    log = folder / "said.log"
    try:
        deadline = time.monotonic() + 60
        while "to run it now" not in (said := log.read_text() if log.exists() else ""):
            assert process.is_alive(), said
            assert time.monotonic() < deadline, said
            time.sleep(0.1)
    finally:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGTERM)
    assert ended(process, 60) is not None
