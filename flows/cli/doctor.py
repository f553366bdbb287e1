"""`uwm doctor`."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from flows.cli.console import console
from flows.cli.options import (
    DONE,
    FAILED,
    STORE,
    StoreOption,
    prepare_prefect,
)


def doctor(*, store: StoreOption = STORE) -> int:
    """Show versions, devices, Prefect's server and disk space, and what is wrong with them.

    For example:

        uwm doctor
    """
    prepare_prefect()
    from flows.operations.doctor import checks

    table = Table(show_header=False, box=None)
    fine = True
    for what, good, found in checks(store):
        fine &= good
        table.add_row(what, "[green]ok[/]" if good else "[red]bad[/]", escape(found))
    console().print(table)
    return DONE if fine else FAILED
