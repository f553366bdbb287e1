"""What the command line prints of an audit."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from flows.report.terminal import print_results
from flows.results.findings import findings
from tests.makers.tables import results


def test_the_table_marks_what_is_beyond_its_interval() -> None:
    console = Console(width=160, record=True, file=io.StringIO())
    found = results(gain=5, control=0)
    print_results(console, replace(found, findings=findings(found)))
    told = console.export_text()
    assert "vit, uwm: less unsafe" in told
    assert "15.0*" in told
    assert "10.5*" not in told  # a control's spread is not an interval
