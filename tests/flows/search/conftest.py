"""Small searches of random backbones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.search.flow import search
from flows.search.results import SearchResults
from uwm.config import AuditConfig

SEARCH = {"budget": 9, "generation": 2, "warmup": 2, "points": 2, "control_seeds": 1, "floor": 0.0}
METHODS = [{"kind": "uwm"}, {"kind": "neurons", "share": 0.1, "scope": "tower"}]

Searching = Callable[..., SearchResults]


@pytest.fixture(scope="session")
def searched_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that searches share: what one has measured another finds."""
    return tmp_path_factory.mktemp("searched")


@pytest.fixture
def searching(small: Callable[..., AuditConfig], searched_store: Path, tmp_path: Path) -> Searching:
    """Search on a store, the shared one unless given, into a folder below `tmp_path`."""

    def run(
        *families: str,
        out: str = "out",
        store: Path = searched_store,
        budget: int = 9,
        **changes: Any,
    ) -> SearchResults:
        config = small(
            *families,
            **{"methods": METHODS, "search": SEARCH | {"budget": budget}, **changes},
        )
        assert config.search is not None
        return search(config, config.search, str(store), str(tmp_path / out))

    return run
