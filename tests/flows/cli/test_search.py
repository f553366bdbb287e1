"""`uwm search` as a person meets it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flows.cli.app import run
from flows.cli.options import BAD_INPUT
from tests.makers.audit_files import GOOD

VALIDATED = GOOD + "validation: {kind: demo, split: validation}\n"


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        (GOOD, [], "needs `validation` pairs"),
        (GOOD + "search: {budget: 9}\n", [], "needs `validation` pairs"),
        (VALIDATED + "search: {budgett: 9}\n", [], "did you mean 'budget'?"),
        (VALIDATED + "search: {budget: 1}\n", [], "line 11: search.budget"),
        (VALIDATED + "search: {uwm: {roles: {image: [fc9], text: []}}}\n", [], "line 11"),
        (VALIDATED + "search: {uwm: {share: [0.3, 0.1]}}\n", [], "lower bound comes first"),
        (VALIDATED, ["--budget", "1"], "--budget"),
        (VALIDATED.replace("split: validation", "split: test"), [], "must not be a benchmark"),
    ],
)
def test_what_cannot_be_searched_is_told_before_anything_runs(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    arguments: list[str],
    said: str,
) -> None:
    path = tmp_path / "audit.yaml"
    path.write_text(text)
    places = ["--store", str(tmp_path / "store"), "--out", str(tmp_path / "out")]
    assert run(["search", str(path), *places, *arguments]) == BAD_INPUT
    told = capsys.readouterr()
    assert said in told.err + told.out
    assert not list((tmp_path / "store").glob("*/*"))


def test_a_missing_package_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    path = tmp_path / "audit.yaml"
    path.write_text(VALIDATED)
    assert run(["search", str(path), "--store", str(tmp_path / "store")]) == BAD_INPUT
    assert "pip install -e '.[search]'" in capsys.readouterr().err
