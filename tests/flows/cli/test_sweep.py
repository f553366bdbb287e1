from pathlib import Path

import pytest

from flows.cli.app import run
from flows.cli.options import BAD_INPUT, DONE
from storage.store.store import Store
from tests.makers.audit_files import GOOD


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "has no `sweep:`"),
        (["--tau", "0:1:5"], "greater than 0"),
        (["--tau", "fast"], "tau: a grid is a list of numbers"),
        (["--kind", "neurons", "--tau", "0.1"], "tau: Extra inputs are not permitted"),
        (["--tau", "0.1", "--backbone", "nobody"], "this audit has the backbones vit; got nobody"),
    ],
)
def test_a_sweep_that_cannot_be_is_told_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    (tmp_path / "audit.yaml").write_text(GOOD)
    where = ["--store", str(tmp_path / "store"), "--out", str(tmp_path / "out")]
    assert run(["sweep", str(tmp_path / "audit.yaml"), *where, *options]) == BAD_INPUT
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told


@pytest.mark.usefixtures("prefect_server")
def test_a_plan_is_printed_and_nothing_is_stored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "audit.yaml").write_text(GOOD)
    options = ["--tau", "0.1", "--alpha=-1:1:9", "--plan", "--store", str(tmp_path / "store")]
    assert run(["sweep", str(tmp_path / "audit.yaml"), *options]) == DONE
    assert "grid" in capsys.readouterr().out
    assert list(Store(tmp_path / "store").artifacts()) == []


def test_a_role_that_a_family_lacks_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    roles = "{image: [[fc3]], text: [[out]]}"
    text = GOOD + f"sweep: {{kind: uwm, tau: [0.1], roles: {roles}}}\n"
    (tmp_path / "audit.yaml").write_text(text)
    assert run(["sweep", str(tmp_path / "audit.yaml")]) == BAD_INPUT
    assert "sweep.roles.image" in capsys.readouterr().err
