"""What an audit shows in Prefect's UI: a summary, and a table per backbone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
from prefect.artifacts import Artifact

from flows.report.prefect_ui import publish
from tests.makers.tables import results


@pytest.mark.usefixtures("prefect_server")
def test_a_summary_and_a_table_per_backbone_are_published(tmp_path: Path) -> None:
    found = results(gain=5, control=0)
    publish(found, tmp_path)
    summary, table = (
        cast("Artifact", Artifact.get(f"audit-{found.config.name}{of}")) for of in ("", "-vit")
    )
    assert (tmp_path / "report.html").resolve().as_uri() in str(summary.data)
    rows: list[dict[str, Any]] = json.loads(str(table.data))
    assert [row["method"] for row in rows][:2] == ["original", "uwm"]
    assert {row["P_t_u"] for row in rows[:2]} == {10.0, 15.0}
