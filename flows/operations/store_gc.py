"""Clearing a store on a schedule."""

from __future__ import annotations

from prefect import flow, get_run_logger

from storage.store.garbage import clear
from storage.store.store import Store


@flow(name="store-gc", persist_result=False)
def store_gc(store: str, older_than_hours: float = 24) -> int:
    """Delete what no recorded audit stands on.

    Args:
        older_than_hours: keep what is younger: a running audit may be about to use it.

    Returns:
        Bytes freed.
    """
    found = clear(Store.existing(store), older_than_hours * 3600)
    freed = sum(entry.size for entry in found)
    get_run_logger().info("%d folders deleted, %.1f MiB", len(found), freed / 2**20)
    return freed
