"""What a store promises on an object store, against a real server."""

from __future__ import annotations

import json
import os
import pickle
import signal
import time
from pathlib import Path

import pytest

from storage.store.garbage import garbage
from storage.store.history import record, recorded
from storage.store.marker import COMPLETE
from tests.makers.artifacts import spec, write
from tests.makers.object_store import Bucketful
from tests.makers.writers import FILES, uploading, writing
from uwm.errors import DamagedArtifactError

MARKER = f"{spec()}/{COMPLETE}"


def built_twice(folder: Path) -> None:
    pytest.fail("built twice")


def test_another_machine_finds_and_fetches_what_one_has_made(s3: Bucketful) -> None:
    s3.machine("one").make(spec(), write)
    second = s3.machine("two")
    assert second.complete(spec())
    assert not second.folder("numbers", spec().digest).exists()
    folder = second.path(spec())
    assert (folder / "data" / "one").read_text() == "first"
    second.make(spec(), built_twice)
    assert second.root in folder.parents


def test_a_store_goes_to_another_process_as_its_url(s3: Bucketful) -> None:
    store = s3.machine("one")
    store.make(spec(), write)
    copy = pickle.loads(pickle.dumps(store))
    assert (copy.url, copy.root) == (store.url, store.root)
    assert copy.complete(spec())


@pytest.mark.parametrize("harm", ["cut", "flip", "delete"])
@pytest.mark.parametrize("name", ["two", COMPLETE])
def test_a_damaged_object_is_noticed_withdrawn_and_made_anew(
    s3: Bucketful, name: str, harm: str
) -> None:
    s3.machine("one").make(spec(), write)
    (key,) = (key for key in s3.objects() if key.endswith(f"/{name}"))
    if harm == "delete":
        s3.delete(key)
    else:
        s3.overwrite(key, b"#" * (s3.objects()[key] - (harm == "cut")))
    second = s3.machine("two")
    with pytest.raises(DamagedArtifactError, match="run the audit again"):
        second.path(spec())
    assert not second.complete(spec())
    second.make(spec(), write)
    third = s3.machine("three")
    assert (third.path(spec()) / "two").read_text() == "second"


def test_an_object_that_was_changed_is_noticed_without_reading_the_rest(s3: Bucketful) -> None:
    s3.machine("one").make(spec(), write)
    (key,) = (key for key in s3.objects() if key.endswith("/two"))
    time.sleep(1.1)  # the server tells times in seconds
    s3.overwrite(key, b"secoNd")
    first = s3.machine("one")
    assert not first.complete(spec())
    first.make(spec(), built_twice)  # its copy is whole, and is uploaded again
    assert (s3.machine("two").path(spec()) / "two").read_text() == "second"


def test_a_copy_that_is_damaged_is_fetched_again(s3: Bucketful) -> None:
    store = s3.machine("one")
    folder = store.make(spec(), write)
    (folder / "two").write_text("harm")
    store.make(spec(), built_twice)
    assert (store.path(spec()) / "two").read_text() == "second"


@pytest.mark.parametrize("name", ["../../out", "/out", "a/../../../out"])
def test_a_marker_that_leads_out_of_the_store_is_refused(s3: Bucketful, name: str) -> None:
    s3.machine("one").make(spec(), write)
    marker = {"files": {name: {"size": 1, "sha256": "0"}}}
    s3.overwrite(MARKER, json.dumps(marker).encode())
    with pytest.raises(DamagedArtifactError, match="leads out"):
        s3.machine("two").path(spec())
    assert not s3.machine("two").complete(spec())


def test_a_writer_killed_while_it_uploads_leaves_nothing_torn(s3: Bucketful) -> None:
    s3.machine("one")
    process = uploading(s3.url)
    deadline = time.monotonic() + 60
    while not any(name.startswith(str(spec())) for name in s3.objects()):
        assert time.monotonic() < deadline
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    there = s3.objects()
    assert MARKER not in there, "it had ended before it was killed"
    second = s3.machine("two")
    assert not second.complete(spec())
    with pytest.raises(DamagedArtifactError, match="not in the store"):
        second.path(spec())
    # The killed writer's machine has built it already, and uploads what is missing.
    first = s3.machine("one")
    first.make(spec(), built_twice)
    assert there.items() <= s3.objects().items()
    assert len(list(second.path(spec()).iterdir())) == FILES + 2


def test_two_writers_whose_bytes_differ_never_mix(s3: Bucketful, tmp_path: Path) -> None:
    writers = [writing(s3.url, tmp_path / name, name) for name in ("first", "other")]
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    folder = s3.machine("reader").path(spec())
    contents = {(folder / f"{number:03d}").read_text() for number in range(20)}
    assert contents in ({"first"}, {"other"})


def test_garbage_is_what_no_machine_s_audit_stands_on(s3: Bucketful) -> None:
    first, second = s3.machine("one"), s3.machine("two")
    for number in (1, 2):
        first.make(spec(number), write)
    record(first, "weekly", "audit", {"vit": [str(spec(1))]}, backbones=["vit"])
    assert recorded(second) == {"audit weekly": [str(spec(1))]}
    assert garbage(second, older_than=3600) == []
    (dropped,) = garbage(second, older_than=-5)
    assert dropped.name == str(spec(2))
    second.remove(dropped.name)
    assert {held.name for held in s3.machine("three").entries()} == {str(spec(1))}


def test_a_thorough_look_reads_every_object(s3: Bucketful) -> None:
    store = s3.machine("one")
    store.make(spec(), write)
    assert store.damage(str(spec())) == []
    (key,) = (key for key in s3.objects() if key.endswith("/two"))
    s3.overwrite(key, b"secoNd")
    assert store.damage(str(spec())) == ["two has other content than was written"]
    assert not s3.machine("one").complete(spec())
