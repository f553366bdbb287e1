import pytest
from rich.table import Table

from flows.cli.console import console, say


def test_a_line_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    line = "[red]" + "x" * 500 + "[/] 'quoted' 1.5"
    say(line)
    assert capsys.readouterr().out == line + "\n"


def test_a_table_keeps_its_width_where_no_terminal_is(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table()
    for name in range(6):
        table.add_column(f"{name}" * 20)
    console().print(table)
    assert "0" * 20 in capsys.readouterr().out
