"""An audit in Prefect's UI: a markdown summary, and a table per backbone."""

from __future__ import annotations

from pathlib import Path

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from flows.results.findings import not_audited
from flows.results.table import AuditResults, summary


def publish(results: AuditResults, folder: Path) -> None:
    """Publish what was written to `folder`."""
    digits = {metric.label: metric.digits for metric in results.config.measured}
    table = summary(results).round(digits)
    lines = [f"# Audit {results.config.name}", ""]
    if results.failures:
        lines += [*(f"- **{line}**" for line in not_audited(results)), ""]
    if results.verdict is not None:
        lines += [f"**{results.verdict.sentence}**", ""]
        lines += [*(f"- {check}" for check in results.verdict.broken), ""]
    lines += [f"- {finding}" for finding in results.findings]
    lines += ["", _markdown(table.astype(str).to_numpy().tolist(), list(table.columns))]
    report = (folder / "report.html").resolve()
    lines += ["", f"Report: [{report}]({report.as_uri()})"]
    create_markdown_artifact(
        "\n".join(lines), key=f"audit-{results.config.name}", description="summary of the audit"
    )
    for backbone, rows in table.groupby("backbone", sort=False):
        create_table_artifact(
            [
                dict(zip(map(str, rows.columns), row, strict=True))
                for row in rows.to_numpy().tolist()
            ],
            key=_slug(f"audit-{results.config.name}-{backbone}"),
            description=f"{backbone} on {results.benchmark}, percent",
        )


def _markdown(rows: list[list[str]], columns: list[str]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _slug(name: str) -> str:
    """Prefect's artifact keys are lower-case letters, digits and dashes."""
    return "".join(letter if letter.isalnum() else "-" for letter in name.lower())
