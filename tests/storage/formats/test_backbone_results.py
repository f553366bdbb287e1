"""What one backbone's audit found, read back as it was written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from storage.formats.backbone_results import (
    BackboneResults,
    BackboneResultsSpec,
    read_backbone_results,
    write_backbone_results,
)
from storage.store.store import Store
from uwm.errors import DamagedArtifactError

FOUND = BackboneResults(
    rows=pd.DataFrame({"metric": ["GS"], "value": [1.5]}),
    evaluations={"uwm": ("outcomes/a", "outcomes/b")},
    settings=[{"method": "uwm", "text": {"tau": 0.02}, "image": None}],
    choices={"a/b": pd.DataFrame({"share": [0.1]}), "..": pd.DataFrame({"share": [0.2]})},
    used=("scores/1", "edits/2"),
    excluded={"empty text": 1},
    left_out={"test": {"damaged image": 2}},
    unread=("one text is cut",),
    tables={"drift": pd.DataFrame({"jaccard": [0.5]})},
)


@pytest.fixture
def spec() -> BackboneResultsSpec:
    return BackboneResultsSpec(
        code="a", backbone="vit", methods=(("uwm", None, None),), used=FOUND.used
    )


def test_what_was_written_is_read_back(tmp_path: Path, spec: BackboneResultsSpec) -> None:
    """Whatever methods are called: no name becomes a path."""
    store = Store(tmp_path / "store")
    store.make(spec, lambda folder: write_backbone_results(folder, FOUND))
    found = read_backbone_results(store, str(spec))
    pd.testing.assert_frame_equal(found.rows, FOUND.rows)
    for name in ("choices", "tables"):
        written, read = getattr(FOUND, name), getattr(found, name)
        assert list(read) == list(written)
        for key, table in written.items():
            pd.testing.assert_frame_equal(read[key], table)
    for name in ("evaluations", "settings", "excluded", "left_out", "unread"):
        assert getattr(found, name) == getattr(FOUND, name)
    assert found.used == (str(spec), *FOUND.used)  # itself among what an audit stands on


def test_a_table_that_is_gone_is_damage(tmp_path: Path, spec: BackboneResultsSpec) -> None:
    store = Store(tmp_path / "store")
    folder = store.make(spec, lambda folder: write_backbone_results(folder, FOUND))
    (folder / "rows.parquet").unlink()
    with pytest.raises(DamagedArtifactError):
        read_backbone_results(store, str(spec))


def test_what_lies_beside_it_is_not_read(tmp_path: Path, spec: BackboneResultsSpec) -> None:
    """Only the tables that the artifact lists are its own."""
    store = Store(tmp_path / "store")
    names = ("drift", "../../escaped", "a/b", "\u202e\x1b[2J", "0")
    written = replace(FOUND, tables=dict.fromkeys(names, FOUND.rows))
    folder = store.make(spec, lambda folder: write_backbone_results(folder, written))
    for place in ("", "choices", "tables"):
        for name in ("99.parquet", "evil.parquet", ".hidden.parquet"):
            FOUND.rows.assign(value=9.0).to_parquet(folder / place / name)
    (folder / "tables" / "evil.csv").write_text("method,value\nx,9\n")
    found = read_backbone_results(store, str(spec))
    assert (*found.tables,) == names
    assert (*found.choices,) == (*FOUND.choices,)
    for table in (found.rows, *found.tables.values()):
        pd.testing.assert_frame_equal(table, FOUND.rows)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]
