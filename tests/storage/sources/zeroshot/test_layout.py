"""Official layouts: every benchmark has a reader, and says where it looks."""

from __future__ import annotations

import pytest

from storage.sources.zeroshot.layout import layout_of, layouts
from uwm.config.zeroshot import benchmarks
from uwm.errors import SourceError


def test_every_benchmark_that_can_be_named_has_a_layout_and_no_other() -> None:
    assert set(layouts()) == set(benchmarks())


def test_every_layout_says_what_it_wants() -> None:
    for name, found in layouts().items():
        assert found.wanted, name
        assert found.top.split("/")[0] in found.wanted, name
        assert layout_of(name) == found


def test_a_set_without_a_reader_is_told() -> None:
    with pytest.raises(SourceError, match="no reader is registered"):
        layout_of("no-such")
