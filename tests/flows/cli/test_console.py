import logging

import pytest
from rich.table import Table

from flows.cli.console import PrintableRecord, complain, console, say


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


ACTING = {
    "an escape": ("a\x1b[2Jb", "a\\x1b[2Jb"),
    "a title": ("\x1b]0;taken\x07", "\\x1b]0;taken\\x07"),
    "a carriage return": ("bad\rgood", "bad\\rgood"),
    "backspaces": ("bad\x08\x08", "bad\\x08\\x08"),
    "NUL": ("a\0b", "a\\x00b"),
    "C1": ("a\x9b31mb", "a\\x9b31mb"),
    "turned": ("exe.\u202egpj", "exe.\\u202egpj"),
    "isolated": ("\u2066a\u2069", "\\u2066a\\u2069"),
    "a line of its own": ("a\u2028b", "a\\u2028b"),
    "half a pair": ("a\ud800b", "a\\ud800b"),
}


@pytest.mark.parametrize("kind", ACTING)
def test_no_text_acts_on_the_terminal(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    text, shown = ACTING[kind]
    say(text)
    complain(text)
    console().print(text, markup=False)
    table = Table()
    table.add_column("name")
    table.add_row(text)
    console().print(table)
    found = capsys.readouterr()
    assert found.out.count(shown) == 3
    assert found.err == shown + "\n"
    record = PrintableRecord("uwm", logging.INFO, "", 0, "named %s", (text,), None)
    assert record.getMessage() == f"named {shown}"


@pytest.mark.parametrize("text", ["Zürich", "日本語", "a\tb\nc", "🙂", "naïve 1.5 %"])
def test_what_does_not_act_is_shown_as_it_is(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    say(text)
    assert capsys.readouterr().out == text + "\n"
