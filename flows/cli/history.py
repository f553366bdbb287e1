"""`uwm history`: what was kept of audits, and which of them may serve as a baseline."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from flows.cli.console import console, say
from flows.cli.options import DONE, STORE, StoreOption, writable
from storage.store.history import accept, given, kept, names, written
from storage.store.store import Store
from uwm.errors import InputError

history_app = App(name="history", help="Show kept audits over time, and accept a baseline.")


@history_app.default
def history(name: str = "", *, store: StoreOption = STORE, page: Path | None = None) -> int:
    """Show every kept audit of a name: when, verdict, and the unedited backbones' metrics.

    For example:

        uwm history mine
        uwm history mine --page history.html

    Parameters
    ----------
    name
        of the audit; may be left out where only one is kept.
    page
        also write an HTML page that draws each backbone's metrics over audits.
    """
    from flows.report.history_page import print_history, write_history

    artifacts = Store.existing(store, reading=True)
    if page is not None:
        writable(page.parent)
    audits = kept(artifacts, name or _only(artifacts))
    if not audits:
        _only(artifacts, name)
    print_history(console(), audits)
    if page is not None:
        write_history(page, audits)
        say(page)
    return DONE


@history_app.command(name="accept")
def history_accept(name: str, when: str = "", *, store: StoreOption = STORE) -> int:
    """Let an audit that regressed be a baseline: what it found is the new normal.

    For example:

        uwm history accept mine

    Parameters
    ----------
    when
        which one, as `uwm history` shows it; the last one unless given.
    """
    audit = accept(Store.existing(store), name, given(when) if when else None)
    say(f"{audit.name} of {written(audit.when)} is accepted; later audits are compared with it")
    return DONE


def _only(store: Store, wanted: str = "") -> str:
    """The one name that is kept.

    Raises:
        InputError: there are several or none, or not the one `wanted`.
    """
    known = names(store)
    listed = ", ".join(known) or "none yet"
    if wanted:
        raise InputError(f"no audit named {wanted} is kept in {store.url}; kept: {listed}")
    if len(known) != 1:
        raise InputError(f"name an audit; kept in {store.url}: {listed}")
    return known[0]
