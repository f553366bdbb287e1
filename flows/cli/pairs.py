"""`uwm pairs`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number
from rich.console import Console

from flows.cli.console import console, say
from flows.cli.options import (
    BAD_INPUT,
    DONE,
    OUT,
    NamedOutOption,
    writable,
)

pairs_app = App(name="pairs", help="Look at safe/unsafe pairs before an audit.")


@pairs_app.command(name="show")
def pairs_show(
    config: Path,
    *,
    reveal: bool = False,
    each: Annotated[int, Parameter(validator=Number(gte=1, lte=100))] = 3,
    out: NamedOutOption = None,
) -> int:
    """Count the pairs of every pair set per concept, and write a contact sheet, pairs.html.

    Exits with 2 when the audit would refuse a set.

    For example:

        uwm pairs show mine.yaml --each 2

    Parameters
    ----------
    config
        the YAML file of an audit; its backbones need not be there.
    reveal
        show pictures and unsafe texts as they are; otherwise the page holds no clear picture.
    each
        pairs on the sheet per concept.
    """
    from flows.audit_file.read import read_outline
    from flows.report.pairs_page import pair_views, print_pairs, write_pairs_page

    settings = read_outline(config)
    folder = writable(out or OUT / settings.name)
    with Console(stderr=True).status("reading pairs"):
        views = pair_views(settings)
        write_pairs_page(folder / "pairs.html", settings.name, views, each, reveal)
    print_pairs(console(), views)
    say(folder / "pairs.html")
    return BAD_INPUT if any(view.objection for view in views) else DONE
