"""An audit with ablations: chosen, controlled, planned, told and cached."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flows.plan.plan import make_plan
from storage.store.store import Store
from tests.makers.runs import audited
from uwm.config import AuditConfig

pytestmark = pytest.mark.usefixtures("prefect_server")
METHODS = [
    {"kind": "original"},
    {"kind": "ablation", "strength": [0.5, 1]},
    {"kind": "ablation", "name": "late", "blocks": {"text": "late"}},
    {"kind": "random_direction", "of": "late", "seeds": 2},
]


def test_ablations_are_chosen_controlled_and_cached(
    small: Callable[..., AuditConfig], tmp_path: Path
) -> None:
    config = small("clip", methods=METHODS, zeroshot=[])
    plan = make_plan(config, Store(tmp_path / "store"))
    results, _ = audited(config, tmp_path)
    (row,) = (row for row in plan.rows if row.stage == "average streams")
    assert (row.missing, row.passes["text"]) == (1, row.samples)
    settings = {setting["method"]: setting for setting in results.settings["clip"]}
    assert list(settings)[-2:] == ["random_direction late #0", "random_direction late #1"]
    table = results.choices["clip"]["ablation"]
    assert table["text_strength"].tolist()[1:] == [0.5, 1]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "own direction: strength" in page
    assert "random direction: strength" in page
    assert set(audited(config, tmp_path)[1].values()) == {"Cached"}
