from rich.console import Console

from flows.report.terminal import print_results
from tests.flows.results.test_table import results


def test_the_table_marks_what_is_beyond_its_interval() -> None:
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    print_results(console, results(gain=5, control=0))
    told = console.export_text()
    assert "safer on unsafe queries" in told
    assert "15.0*" in told
    assert "10.5*" not in told  # a control's spread is no interval
