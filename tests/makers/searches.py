"""Small searches of random backbones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flows.search.results import SearchResults

SEARCH: dict[str, Any] = {
    "budget": 9,
    "generation": 2,
    "warmup": 2,
    "points": 2,
    "control_seeds": 1,
    "floor": 0.0,
}
METHODS: list[dict[str, Any]] = [
    {"kind": "uwm"},
    {"kind": "neurons", "share": 0.1, "scope": "tower"},
]

Searching = Callable[..., SearchResults]
"""Searches the small audit of some families: its arguments are changes of it."""
