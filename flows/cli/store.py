"""`uwm store`: show, check and clear the store of artifacts."""

from __future__ import annotations

import math
from typing import Annotated

from cyclopts import App, Parameter
from rich.table import Table

from flows.cli.console import console, say
from flows.cli.options import DONE, FAILED, STORE, StoreOption
from storage.store.copies import bound
from storage.store.garbage import clear, garbage
from storage.store.history import recorded, unknown
from storage.store.integrity import size
from storage.store.store import Store
from uwm.wording import plural

store_app = App(name="store", help="Show, check and clear the store of artifacts.")


def _age(kind: object, hours: float) -> None:
    """Refuse what would compare as no age at all: NaN is neither older nor younger."""
    if not (math.isfinite(hours) and hours >= 0):
        raise ValueError(f"an age is a number of hours from 0 on; got {hours}")


@store_app.command
def ls(*, store: StoreOption = STORE) -> int:
    """List artifacts by kind: how many, how large, and what is unfinished or unneeded.

    For example:

        uwm store ls
    """
    artifacts = Store.existing(store, reading=True)
    entries = list(artifacts.entries())
    kinds: dict[str, list[int]] = {}
    for found in entries:
        if found.complete:
            kinds.setdefault(found.kind, []).append(found.size)
    table = Table(title=artifacts.url)
    for name in ("kind", "artifacts", "MiB"):
        table.add_column(name, justify="left" if name == "kind" else "right")
    for kind, sizes in kinds.items():
        table.add_row(kind, str(len(sizes)), f"{sum(sizes) / 2**20:.1f}")
    total = [size for sizes in kinds.values() for size in sizes]
    table.add_section()
    table.add_row("all", str(len(total)), f"{sum(total) / 2**20:.1f}")
    console().print(table)
    drafts = sum(not found.complete for found in entries)
    unneeded = len(garbage(artifacts, older_than=0))
    say(f"{drafts} unfinished; {unneeded} that no audit stands on (`uwm store gc`)")
    if artifacts.shared:
        room = f"{size(artifacts.root) / 2**20:.1f} of {bound() / 2**20:.0f} MiB"
        say(f"copies on this machine: {room} in {artifacts.root}")
    for run, used in recorded(artifacts).items():
        say(f"{run} stands on {plural(len(used), 'artifact')}")
    _tell_unknown(artifacts)
    return DONE


@store_app.command
def verify(*, store: StoreOption = STORE) -> int:
    """Compare every file of every artifact with the checksum it was written with.

    For example:

        uwm store verify
    """
    artifacts = Store.existing(store, reading=True)
    checked, broken = 0, 0
    for held in artifacts.entries():
        if not held.complete:
            continue
        checked += 1
        if found := artifacts.damage(held.name):
            broken += 1
            say(f"{held.name}: {'; '.join(found)}")
    say(f"{plural(checked, 'artifact')} checked, {broken} damaged")
    if broken:
        say("the next audit that needs a damaged artifact computes it anew")
    return FAILED if broken else DONE


@store_app.command
def gc(
    *,
    store: StoreOption = STORE,
    older_than_hours: Annotated[float, Parameter(validator=_age)] = 24,
    dry_run: bool = False,
) -> int:
    """Delete what no recorded audit stands on: artifacts and unfinished work.

    For example:

        uwm store gc --older-than-hours 48 --dry-run

    Parameters
    ----------
    older_than_hours
        keep what is younger: a running audit may be about to use it.
    dry_run
        only say what would be deleted.
    """
    artifacts = Store.existing(store, reading=dry_run)
    age = older_than_hours * 3600
    found = garbage(artifacts, age) if dry_run else clear(artifacts, age)
    for held in found:
        say(f"{'would delete' if dry_run else 'deleted'} {held.name}")
    say(f"{plural(len(found), 'folder')}, {sum(held.size for held in found) / 2**20:.1f} MiB")
    _tell_unknown(artifacts)
    return DONE


def _tell_unknown(artifacts: Store) -> None:
    for run in unknown(artifacts):
        say(
            f"the record of {run} is damaged, so nothing complete is deleted; run it again with "
            f"all its backbones, or delete its folder in {artifacts.url}/audits"
        )
