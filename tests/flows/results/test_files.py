"""An audit's files hold all of its results, and the same results give the same bytes."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from flows.results.files import write_results
from flows.results.table import Finding
from flows.results.verdict import Verdict
from tests.makers.tables import CONFIG, results
from uwm.config import AuditConfig


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    extra = pd.DataFrame({"backbone": ["vit"], "method": ["uwm"], "jaccard": [0.5]})
    found = replace(results(5, 0), tables={"drift": extra})
    for name in ("first", "second"):
        write_results(tmp_path / name, found)
    first, second = (sorted((tmp_path / name).iterdir()) for name in ("first", "second"))
    assert [file.name for file in first] == ["drift.parquet", "results.json", "results.parquet"]
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]
    pd.testing.assert_frame_equal(pd.read_parquet(first[0]), extra)
    pd.testing.assert_frame_equal(pd.read_parquet(first[2]), found.rows, check_dtype=False)


def test_the_document_can_be_read_back(tmp_path: Path) -> None:
    found = replace(results(5, 0), findings=[Finding("a", "(b).")], section_findings=["b"])
    write_results(tmp_path, found)
    document = json.loads((tmp_path / "results.json").read_text())
    assert document["findings"] == ["a (b).", "b"]
    assert AuditConfig.model_validate(document["config"]) == CONFIG
    assert document["versions"]["torch"] == version("torch")
    (safety,) = (row["P_t_u"] for row in document["summary"] if row["method"] == "uwm")
    assert safety == 15


def test_what_an_audit_does_not_have_is_not_in_the_document(tmp_path: Path) -> None:
    optional = {"warnings", "failures", "verdict"}
    write_results(tmp_path / "plain", results(5, 0))
    assert not optional & json.loads((tmp_path / "plain" / "results.json").read_text()).keys()
    found = replace(
        results(5, 0), warnings=["leak"], failures={"b": "gone"}, verdict=Verdict(None, [])
    )
    write_results(tmp_path / "all", found)
    document = json.loads((tmp_path / "all" / "results.json").read_text())
    assert document["verdict"]["sentence"] == "passed: no checks, no baseline yet (floors only)"
    assert optional <= document.keys()
