"""What a store holds and no recorded audit needs."""

from __future__ import annotations

import time

from storage.store.history import recorded, unknown
from storage.store.remote import Held
from storage.store.store import Store


def garbage(store: Store, older_than: float) -> list[Held]:
    """What no recorded audit stands on, and unfinished work, not used for so many seconds.

    The age keeps what a running audit has just made, or has found in the store. While it is not
    known what some audit stands on (`storage.store.history.unknown`), only unfinished work goes.
    """
    spare = bool(unknown(store))
    needed = {name for names in recorded(store).values() for name in names}
    limit = time.time() - older_than
    return [
        entry
        for entry in store.entries()
        if entry.touched <= limit
        and (not entry.complete or (entry.name not in needed and not spare))
    ]


def clear(store: Store, older_than: float) -> list[Held]:
    """Delete the garbage, and return what it was."""
    found = garbage(store, older_than)
    for entry in found:
        store.remove(entry.name)
    return found
