"""A history follows the built-in headline metrics, and every metric of an audit's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from flows.report.history_page import over_time, print_history, shown, timeline, write_history
from storage.store.history import Figure, KeptAudit
from tests.makers.history import audit_of
from uwm.metrics.registry import BUILT_IN

OWN = "margin_t_u"


def figure(metric: str, value: float) -> Figure:
    return Figure(
        backbone="vit",
        method="original",
        dataset="test",
        metric=metric,
        value=value,
        low=value - 1,
        high=value + 1,
        n=10,
    )


@pytest.fixture
def audits() -> list[KeptAudit]:
    """Two audits; the later one measures a metric of its own and regressed."""
    first = (figure("P_t_s", 50), figure("GS", 40))
    return [
        audit_of(0, figures=first),
        audit_of(
            7,
            figures=(*first, figure(OWN, 0.125)),
            verdict="regressed",
            broken=("vit, original: GS fell [by 2]",),
            accepted=False,
        ),
    ]


def test_metrics_of_ones_own_stand_beside_the_headline(audits: list[KeptAudit]) -> None:
    assert shown(audits) == {"P_t_s": "P_t_s", "GS": "GS", OWN: OWN}
    assert shown(audits[:1]) == {"P_t_s": "P_t_s", "GS": "GS"}
    lines = timeline(audits)
    assert lines[lines["metric"] == OWN]["value"].tolist() == [0.125]


def test_the_table_has_a_line_per_audit_and_what_broke_the_policy(audits: list[KeptAudit]) -> None:
    console = Console(width=250)
    with console.capture() as said:
        print_history(console, audits)
    lines = said.get().splitlines()
    assert sum("vit" in line and "│" in line for line in lines) == 2
    assert any("regressed" in line and "0.125" in line for line in lines)
    assert any(line.endswith("GS fell [by 2]") for line in lines)


def test_a_panel_is_drawn_per_metric_that_was_measured_and_regressions_are_marked(
    audits: list[KeptAudit],
) -> None:
    drawn = over_time(timeline(audits), "vit", audits)
    titles = [title.text for title in drawn.layout.annotations]
    followed = [metric.label for metric in BUILT_IN if metric.over_time]
    assert titles == [*(label for label in followed if label == "GS"), OWN]
    assert len(drawn.layout.shapes) == len(titles)  # the later audit's line in each
    assert not over_time(timeline(audits[:1]), "vit", audits[:1]).layout.shapes


def test_the_page_holds_every_backbone(audits: list[KeptAudit], tmp_path: Path) -> None:
    write_history(tmp_path / "history.html", audits)
    page = (tmp_path / "history.html").read_text()
    assert "history-0" in page
    assert "GS fell" in page
