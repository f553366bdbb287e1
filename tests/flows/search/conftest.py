"""Small searches of random backbones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.search.flow import search
from flows.search.results import SearchResults
from tests.makers.searches import METHODS, SEARCH, Searching
from uwm.config import AuditConfig


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
