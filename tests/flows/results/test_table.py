"""The summary table."""

from __future__ import annotations

from flows.results.table import headline, summary
from tests.flows.results.tables import results


def test_seeds_of_a_control_are_averaged_in_the_summary() -> None:
    table = summary(results(5, 0)).set_index("method")
    assert list(table.index) == ["original", "uwm", "random uwm"]
    assert table.loc["random uwm", "P_t_u"] == 10.5
    spread = headline(results(5, 0)).query("method == 'random uwm' and metric == 'P_t_u'")
    assert spread[["low", "high"]].to_numpy().tolist() == [[10, 11]]
