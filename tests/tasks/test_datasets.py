import dataclasses
from pathlib import Path

import cloudpickle
import pytest

import tasks.datasets
from storage.formats.datasets import read_dataset
from storage.store.store import Store
from tasks.datasets import identify, ingest
from tests.makers.pair_layouts import tables
from uwm.config import DemoPairs
from uwm.errors import SourceError


def test_what_a_source_holds_is_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    both = [identify(DemoPairs(kind="demo", split=name), 0) for name in ("test", "validation")]
    ingest.fn([spec for _, spec in both], store)
    for source, spec in both:
        found = read_dataset(store.path(spec))
        assert found.rows.equals(source.rows)
        assert found.texts == {part: list(source.texts[part]) for part in ("safe", "unsafe")}


def test_the_same_content_has_one_address_wherever_it_lies(tmp_path: Path) -> None:
    one, other = (identify(tables(tmp_path / place), 0)[1] for place in "ab")
    assert one == other
    assert one.settings != other.settings


def test_a_spec_goes_to_another_process_without_its_data_and_reads_it_there(
    tmp_path: Path,
) -> None:
    source, spec = identify(tables(tmp_path), 0)
    sent = cloudpickle.dumps(spec)
    assert len(sent) < 2000
    identify.cache_clear()  # as in a process that has read nothing
    found = cloudpickle.loads(sent)
    assert found.source.rows.equals(source.rows)
    assert found.source is found.source


def test_data_that_changed_since_a_spec_was_made_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, spec = identify(tables(tmp_path), 0)
    identify.cache_clear()
    changed = dataclasses.replace(source, texts=source.texts.iloc[::-1])
    monkeypatch.setattr(tasks.datasets, "read_source", lambda *_: changed)
    with pytest.raises(SourceError, match="has changed meanwhile"):
        _ = spec.source
    identify.cache_clear()
