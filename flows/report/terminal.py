"""What the command line prints: the findings, what was left out and the summary table."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from flows.report.audit_page import table_cells
from flows.results.findings import left_out, not_audited
from flows.results.table import GAPS, AuditResults, columns, headline
from flows.results.wording import plural, rounded

_STYLES = {"+": "green", "-": "red", "": ""}


def print_results(console: Console, results: AuditResults) -> None:
    """The findings, what was left out, the summary table, the verdict and the warnings."""
    findings = (*map(str, results.findings), *results.section_findings)
    for line in (*findings, *left_out(results)):
        console.print(line, markup=False, highlight=False)
    print_table(console, results)
    if results.verdict is not None:
        lines = [
            results.verdict.sentence,
            *map(str, results.verdict.broken),
            *results.verdict.notes,
        ]
        style = "green" if results.verdict.passed else "red"
        console.print("\n  ".join(lines), style=style, markup=False, highlight=False)
    if results.warnings:
        lines = ["warnings:", *results.warnings]
        console.print("\n  ".join(lines), style="yellow", markup=False, highlight=False)
    if results.failures:
        console.print("\n".join(not_audited(results)), style="red", markup=False, highlight=False)
    if results.gaps:
        lines = [GAPS, *results.gaps.values()]
        console.print("\n  ".join(lines), style="yellow", markup=False, highlight=False)


def caption(results: AuditResults) -> str:
    """What stars and rows of the table mean."""
    tested = int(headline(results)["tested"].sum())
    return (
        f"* the change from the original is significant at 5 %, corrected for all "
        f"{plural(tested, 'change')} of the table (Holm); controls: mean over seeds"
    )


def print_table(console: Console, results: AuditResults) -> None:
    """The summary: a row per backbone and method; significant changes are coloured."""
    table = Table(
        title=f"{results.config.name}: {results.benchmark}, percent",
        caption=caption(results),
        padding=(0, 0, 0, 1),  # cells end in a star or a space
    )
    for name in ("backbone", "method"):
        table.add_column(name, no_wrap=True)
    labels = columns(results)
    for metric in labels:
        table.add_column(metric.replace(" ", "\n"), justify="right", no_wrap=True)
    shown = ""
    for row in table_cells(results, results.benchmark):
        if row["backbone"] != shown:
            table.add_section()
        cells = []
        for metric in labels:
            cell = row.get(metric)
            if cell is None:
                cells.append("-")
                continue
            style = _STYLES[cell["sign"]]
            text = rounded(cell["value"], cell["digits"]) + ("*" if cell["sign"] else " ")
            cells.append(f"[{style}]{text}[/]" if style else text)
        name = row["backbone"] if row["backbone"] != shown else ""
        table.add_row(name, row["method"], *cells, style="dim" if row["control"] else None)
        shown = row["backbone"]
    console.print(table)
