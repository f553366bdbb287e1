"""docs/metrics.md says of every metric what the registry says of it."""

from __future__ import annotations

from pathlib import Path

from uwm.metrics.registry import BUILT_IN, Metric

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
RESAMPLED = {"pairs": "bootstrap of pairs", "zero-shot": "bootstrap of pictures"}


def row(metric: Metric) -> str:
    """The metric's row of the page's table."""
    low, high = metric.range
    cells = (
        f"`{metric.name}`",
        f"`{metric.label}`",
        metric.explain.removesuffix("."),
        f"{low:g} to {high:g} {metric.unit}",
        "higher" if metric.higher_is_better else "lower",
        metric.group,
        RESAMPLED[metric.data],
    )
    return f"| {' | '.join(cells)} |"


def test_the_table_has_one_row_per_metric_with_the_registrys_fields() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    wanted = [row(metric) for metric in BUILT_IN]
    assert rows == wanted, "the table of docs/metrics.md should read:\n" + "\n".join(wanted)


def test_the_page_says_which_metrics_a_policy_calls_otherwise_or_not_at_all() -> None:
    text = PAGE.read_text()
    for metric in BUILT_IN:
        if metric.policy and metric.alias:
            assert f"- `{metric.name}` is called `{metric.alias}` in policies and searches." in text
        if not metric.policy:
            assert f"- `{metric.name}` cannot be used in a policy." in text
