"""The summary table."""

from __future__ import annotations

from flows.results.table import headline, summary
from tests.makers.tables import results


def test_seeds_of_a_control_are_averaged_in_the_summary() -> None:
    table = summary(results(5, 0)).set_index("method")
    assert list(table.index) == ["original", "uwm", "random uwm"]
    assert table.loc["random uwm", "P_t_u"] == 10.5
    spread = headline(results(5, 0)).query("method == 'random uwm' and metric == 'P_t_u'")
    assert spread[["low", "high"]].to_numpy().tolist() == [[10, 11]]


def test_stars_are_corrected_for_every_change_of_the_table() -> None:
    """A change that is significant by itself is none among many."""
    alone = headline(results(1.3, 0))
    uwm = alone[alone["method"] == "uwm"]
    assert (uwm["change_low"] > 0).all()
    assert (uwm["mark"] == "").all()
    strong = headline(results(5, 0))
    assert (strong[strong["method"] == "uwm"]["mark"] == "+").all()
    assert (strong[strong["method"] != "uwm"]["mark"] == "").all()
    assert strong["tested"].sum() == len(uwm)  # neither the original nor a control
