"""Outcomes of evaluations, read back as they were written."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from storage.store.store import Store
from tasks.embeddings import read_outcomes, tidy, write_outcomes
from tests.makers.artifacts import spec
from uwm.errors import DamagedArtifactError

OUTCOMES = {
    "test": pd.DataFrame({"GS": [True, False]}),
    "../a/b": pd.DataFrame({"top1": [True], "times": [2]}),
}


def test_what_several_evaluations_found_is_read_by_data_set(tmp_path: Path) -> None:
    """A set's name is no part of a path, whatever it is."""
    store = Store(tmp_path / "store")
    names = [str(spec(1)), str(spec(2))]
    store.make(spec(1), lambda folder: write_outcomes(folder, OUTCOMES))
    other = {"more": OUTCOMES["test"]}
    store.make(spec(2), lambda folder: write_outcomes(folder, other))
    found = read_outcomes(store, names)
    assert list(found) == ["test", "../a/b", "more"]
    for name, table in (OUTCOMES | other).items():
        pd.testing.assert_frame_equal(found[name], table)


def test_an_evaluation_that_is_missing_is_damage(tmp_path: Path) -> None:
    with pytest.raises(DamagedArtifactError):
        read_outcomes(Store(tmp_path / "store"), [str(spec(1))])


def test_no_measurement_is_no_row() -> None:
    assert tidy([]).empty
