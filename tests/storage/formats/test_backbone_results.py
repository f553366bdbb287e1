from pathlib import Path

import pandas as pd

from storage.formats.backbone_results import (
    BackboneResults,
    BackboneResultsSpec,
    read_backbone_results,
    write_backbone_results,
)
from storage.store.store import Store

TABLE = pd.DataFrame({"method": ["original"], "value": [1.0]})
SPEC = BackboneResultsSpec(code="", backbone="b", methods=(), used=("evaluations/1",))
NAMES = ("drift", "../../escaped", "a/b", "\u202e\x1b[2J", "0")
RESULTS = BackboneResults(
    rows=TABLE,
    evaluations={"original": ("evaluations/1",)},
    settings=[],
    choices={name: TABLE.assign(value=2.0) for name in NAMES},
    used=("evaluations/1",),
    excluded={"empty text": 1},
    tables={name: TABLE.assign(value=3.0) for name in NAMES},
)


def test_results_read_back_by_whatever_names_and_without_what_another_put_beside_them(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path / "store")
    folder = store.make(SPEC, lambda folder: write_backbone_results(folder, RESULTS))
    for place in ("", "choices", "tables"):
        for name in ("99.parquet", "evil.parquet", ".hidden.parquet"):
            TABLE.assign(value=9.0).to_parquet(folder / place / name)
    (folder / "tables" / "evil.csv").write_text("method,value\nx,9\n")
    found = read_backbone_results(store, str(SPEC))
    assert found.used == (str(SPEC), "evaluations/1")
    assert (*found.tables,) == (*found.choices,) == NAMES
    for tables, value in ((found.choices, 2.0), (found.tables, 3.0), ({"": found.rows}, 1.0)):
        assert all(table["value"].tolist() == [value] for table in tables.values())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]
