"""What a process keeps of what is costly to make: what it was asked for last, up to a limit."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """The latest of some things by their keys, each made once while it is kept.

    Args:
        limit: how many at most. The one that was not asked for the longest goes before another one
            is made, so that a process never holds more of them for this.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._found: OrderedDict[Hashable, T] = OrderedDict()
        self._making = threading.RLock()

    @property
    def limit(self) -> int:
        return self._limit

    def allow(self, limit: int) -> None:
        """Keep so many from now on."""
        with self._making:
            self._limit = limit
            self._leave(limit)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is kept under `key`, or else what `make` gives; one is made at a time."""
        with self._making:
            if key not in self._found:
                self._leave(max(0, self._limit - 1))
                self._found[key] = make()
            self._found.move_to_end(key)
            return self._found[key]

    def __len__(self) -> int:
        return len(self._found)

    def _leave(self, count: int) -> None:
        while len(self._found) > count:
            self._found.popitem(last=False)
