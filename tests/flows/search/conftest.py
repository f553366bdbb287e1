"""Small searches of random backbones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.search.results import SearchResults
from flows.search.zoo import search
from uwm.config import AuditConfig

SEARCH = {"budget": 14, "generation": 4, "warmup": 4, "points": 2, "control_seeds": 1, "floor": 0.0}
METHODS = [{"kind": "uwm"}, {"kind": "neurons", "share": [0.1, 0.2], "scope": "tower"}]

Searching = Callable[..., SearchResults]


@pytest.fixture
def searching(small: Callable[..., AuditConfig], tmp_path: Path) -> Searching:
    """Search below `tmp_path`, in the store `store` and the folder `out`."""

    def run(*families: str, out: str = "out", budget: int = 14, **changes: Any) -> SearchResults:
        config = small(
            *families,
            **{"methods": METHODS, "search": SEARCH | {"budget": budget}, **changes},
        )
        assert config.search is not None
        return search(config, config.search, str(tmp_path / "store"), str(tmp_path / out))

    return run
