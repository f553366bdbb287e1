"""What a store holds and no recorded audit needs."""

from __future__ import annotations

import time

from storage.store.history import recorded
from storage.store.remote import Held
from storage.store.store import Store


def garbage(store: Store, older_than: float) -> list[Held]:
    """What no recorded audit stands on, and unfinished work, not used for so many seconds.

    The age keeps what a running audit has just made, or has found in the store.
    """
    needed = {name for names in recorded(store).values() for name in names}
    limit = time.time() - older_than
    return [
        entry
        for entry in store.entries()
        if (entry.name not in needed or not entry.complete) and entry.touched <= limit
    ]


def clear(store: Store, older_than: float) -> list[Held]:
    """Delete the garbage, and return what it was."""
    found = garbage(store, older_than)
    for entry in found:
        store.remove(entry.name)
    return found
