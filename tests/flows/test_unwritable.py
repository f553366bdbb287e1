"""A store that can be read and not written: what only reads works, all else is told in a line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from flows.audit.flow import audit
from flows.cli.options import BAD_INPUT, DONE
from tests.makers.commands import ended, launch
from tests.makers.small_audits import PLAIN
from uwm.config import AuditConfig

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture(scope="module")
def audited(
    small: Callable[..., AuditConfig],
    tmp_path_factory: pytest.TempPathFactory,
    prefect_server: None,
) -> Path:
    """A folder with an audit's file, its store and what it wrote."""
    folder = tmp_path_factory.mktemp("unwritable")
    config = small("clip", **PLAIN)
    YAML().dump(config.model_dump(mode="json"), folder / "audit.yaml")
    audit(config, str(folder / "store"), str(folder / "out"))
    return folder


def contents(folder: Path) -> dict[Path, bytes]:
    """Every file and every folder, which has no bytes."""
    return {path: path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["store", "ls"], "audit small stands on"),
        (["store", "verify"], "0 damaged"),
        (["store", "gc", "--dry-run"], "0 folders"),
        (["plan", "audit.yaml"], "clip"),
        (["history", "small"], "small"),
    ],
)
def test_what_only_reads_works(
    audited: Path, tmp_path: Path, command: list[str], said: str
) -> None:
    before = contents(audited / "store")
    code, told = run(audited, tmp_path, command)
    assert code == DONE, told
    assert said in told
    assert contents(audited / "store") == before


def test_what_would_write_is_told_in_a_line(audited: Path, tmp_path: Path) -> None:
    code, told = run(audited, tmp_path, ["audit", "audit.yaml", "--out", str(tmp_path / "out")])
    assert code == BAD_INPUT
    assert "cannot be written" in told
    assert "Traceback" not in told


def run(audited: Path, folder: Path, command: list[str]) -> tuple[int | None, str]:
    """A command's exit code and words, with that audit's store, in which nothing can be written."""
    arguments = [part.replace("audit.yaml", str(audited / "audit.yaml")) for part in command]
    store = audited / "store"
    process = launch([*arguments, "--store", str(store)], folder, refusing=store)
    code = ended(process, 60)
    return code, (folder / "said.log").read_text()
