from pathlib import Path

from storage.formats.datasets import read_dataset
from storage.sources import content_digest, read_source
from storage.store.store import Store
from tasks.datasets import DatasetSpec, ingest
from tests.makers.pair_layouts import tables
from uwm.config import DemoPairs


def test_what_a_source_holds_is_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    sources = [read_source(DemoPairs(kind="demo", split=name)) for name in ("test", "validation")]
    specs = [DatasetSpec.of(content_digest(source)) for source in sources]
    ingest.fn(specs, store, sources)
    for spec, source in zip(specs, sources, strict=True):
        found = read_dataset(store.path("datasets", spec.digest))
        assert found.rows.equals(source.rows)
        assert found.texts == {part: list(source.texts[part]) for part in ("safe", "unsafe")}


def test_the_same_content_has_one_address_wherever_it_lies(tmp_path: Path) -> None:
    one, other = (
        DatasetSpec.of(content_digest(read_source(tables(tmp_path / place)))) for place in "ab"
    )
    assert one == other
