"""An artifact is whole or not there, whatever happens to it or to its writer."""

import errno
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.store.garbage import garbage
from storage.store.history import record, recorded
from storage.store.integrity import last_touched, size
from storage.store.marker import COMPLETE, SPEC
from storage.store.store import Store
from tests.makers.artifacts import Numbers, spec, write
from tests.makers.writers import Resumable, hanging
from uwm.errors import DamagedArtifactError, StoreError


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_an_artifact_lists_its_files_and_its_spec(store: Store) -> None:
    folder = store.make(spec(), write)
    assert json.loads((folder / SPEC).read_text()) == {"kind": "numbers", "code": "a", "count": 3}
    listed = json.loads((folder / COMPLETE).read_text())["files"]
    assert set(listed) == {"data/one", "two", SPEC}
    assert folder == store.path(spec())


def test_what_is_complete_is_not_built_again(store: Store) -> None:
    store.make(spec(), write)
    store.make(spec(), lambda folder: pytest.fail("built twice"))


def test_every_field_and_the_code_are_part_of_the_address() -> None:
    digests = {
        spec().digest,
        spec(4).digest,
        Numbers(code="b", count=3).digest,
    }
    assert len(digests) == 3
    assert spec().digest == spec().digest


def reflag(content: bytes) -> bytes:
    """A marker that lists a file without its size."""
    return json.dumps({"files": {SPEC: {"sha256": ""}}}).encode()


HARMS: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda content: content[:-1],
    "empty": lambda content: b"",
    "zeros": lambda content: bytes(len(content)),
    "flip": lambda content: b"#" + content[1:],
    "no UTF-8": lambda content: b"\xff" + content[1:],
    "nothing listed": lambda content: b'{"files": {}}',
    "a key is missing": reflag,
    "deep": lambda content: b"[" * 100_000,
}


@pytest.mark.parametrize("name", ["two", "data/one", SPEC, COMPLETE])
@pytest.mark.parametrize("harm", ["delete", "folder", "link", *HARMS])
@pytest.mark.parametrize("time_kept", [True, False])
def test_a_damaged_artifact_is_never_served_and_is_set_aside_and_made_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, harm: str, time_kept: bool
) -> None:
    """Whether or not the damage shows in a file's time, as a flipped bit of a disk does not."""
    Store(tmp_path / "made").make(spec(), write)
    (tmp_path / "made").rename(tmp_path / "read")  # what a process made itself it has compared
    store = Store(tmp_path / "read")
    path = store.folder("numbers", spec().digest) / name
    status, content = path.stat(), path.read_bytes()
    path.unlink()
    if harm == "folder":
        path.mkdir()
    elif harm == "link":
        (tmp_path / "elsewhere").write_bytes(content)
        path.symlink_to(tmp_path / "elsewhere")
    elif harm != "delete":
        path.write_bytes(HARMS[harm](content))
        if time_kept:
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    if name == COMPLETE and harm == "link":
        path.unlink()  # a marker elsewhere is as good as its content says
    assert not store.complete(spec())
    with pytest.raises(DamagedArtifactError, match="run the audit again"):
        store.path(spec())
    assert [entry.name for entry in store.entries()] == [str(spec())]
    assert len(store.damage(str(spec()))) == 1
    store.make(spec(), write)
    assert (store.path(spec()) / "two").read_text() == "second"
    assert "set aside" in caplog.text
    assert [entry.name for entry in garbage(store, 0) if not entry.complete] == [
        f"{spec()}.damaged"
    ]


def test_a_flipped_bit_in_a_chunk_with_its_old_time_is_found_by_verify_and_made_anew(
    store: Store,
) -> None:
    """Chunks have checksums of their own, and are not read twice for it."""

    def build(folder: Path) -> None:
        (folder / "data.zarr" / "c").mkdir(parents=True)
        (folder / "data.zarr" / "c" / "0").write_text("chunk")

    path = store.make(spec(), build) / "data.zarr" / "c" / "0"
    status = path.stat()
    path.write_text("chunC")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert store.complete(spec())
    assert store.damage(str(spec())) == ["data.zarr/c/0 has other content than was written"]
    assert not store.complete(spec())
    assert (store.make(spec(), build) / "data.zarr" / "c" / "0").read_text() == "chunk"


def test_nothing_has_its_name_before_its_bytes_are_on_the_disk(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of system calls: a power cut between any two of them leaves a whole artifact."""
    synced: list[Path] = []
    sync, rename = os.fsync, Path.rename

    def traced(descriptor: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")))
        sync(descriptor)

    def checked(old: Path, new: Path) -> Path:
        inside = {path for path in (old, *old.rglob("*")) if path.name != COMPLETE}
        assert inside <= {*synced}
        assert old in synced[-1:]  # with the marker's name, which came last
        synced.clear()
        return rename(old, new)

    monkeypatch.setattr(os, "fsync", traced)
    monkeypatch.setattr(Path, "rename", checked)
    folder = store.make(spec(), write)
    assert synced == [folder.parent]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_store_without_the_right_to_write_can_be_read(store: Store) -> None:
    folder = store.make(spec(), write)
    record(store, "weekly", "audit", {"vit": [str(spec())]}, backbones=["vit"])
    for path in (store.root, *store.root.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        with pytest.raises(StoreError, match="cannot be written"):
            Store(store.url)
        read = Store.existing(store.url, reading=True)
        assert read.complete(spec())
        assert read.path(spec()) == folder
        assert read.damage(str(spec())) == []
        assert garbage(read, 0) == []
        assert recorded(read)
    finally:
        for path in (store.root, *store.root.rglob("*")):
            path.chmod(0o755)


def test_reading_makes_no_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "none", reading=True)
    assert not store.complete(spec())
    assert store.free > 0
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_a_full_or_failing_disk_is_told_in_a_line(store: Store, code: int) -> None:
    def build(folder: Path) -> None:
        raise OSError(code, os.strerror(code), str(folder / "data"))

    with pytest.raises(StoreError, match=r"(full|can no longer be written).*run again") as told:
        store.make(spec(), build)
    assert "\n" not in str(told.value)


def test_a_store_that_vanishes_is_told_and_the_next_run_begins_anew(store: Store) -> None:
    def build(folder: Path) -> None:
        shutil.rmtree(store.root)
        folder.mkdir(parents=True)  # as what writes chunks does
        raise KeyError("samples")

    with pytest.raises(StoreError, match=r"is gone.*run again"):
        store.make(spec(), build)
    assert Store(store.url).make(spec(), write)


def test_what_was_built_after_the_store_vanished_is_not_published(store: Store) -> None:
    def build(folder: Path) -> None:
        shutil.rmtree(store.root)
        folder.mkdir(parents=True)
        write(folder)

    with pytest.raises(StoreError, match="is gone"):
        store.make(spec(), build)
    assert Store(store.url).make(spec(), write)


def test_a_format_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "store").mkdir()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"cannot be read or written: No space left.*--store"):
        Store(tmp_path / "store")


def test_a_failed_build_publishes_nothing(store: Store) -> None:
    def fail(folder: Path) -> None:
        write(folder)
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        store.make(spec(), fail)
    assert not store.complete(spec())
    assert list(store.artifacts()) == []
    assert len(list(store.drafts())) == 1
    store.make(spec(), write)  # begins anew: `data` would otherwise be there already
    assert list(store.drafts()) == []


def test_a_resumable_build_finds_its_draft(store: Store) -> None:
    wanted = Resumable(code="a", count=1)

    def fail(folder: Path) -> None:
        (folder / "first").touch()
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        store.make(wanted, fail)
    seen: list[str] = []
    store.make(wanted, lambda folder: seen.extend(path.name for path in folder.iterdir()))
    assert seen == ["first"]


def test_two_threads_build_once(store: Store) -> None:
    built: list[int] = []

    def slow(folder: Path) -> None:
        built.append(1)
        time.sleep(0.2)
        write(folder)

    threads = [threading.Thread(target=store.make, args=(spec(), slow)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1
    assert store.complete(spec())


def test_a_killed_writer_leaves_no_lock_behind(store: Store) -> None:
    process = hanging(store.root)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    folder = store.make(Resumable(code="a", count=1), lambda folder: None)
    assert (folder / "first").exists()


def test_garbage_is_what_no_audit_stands_on(store: Store) -> None:
    kept, dropped = spec(1), spec(2)
    for one in (kept, dropped):
        store.make(one, write)
    record(store, "weekly", "audit", {"vit": [str(kept)]}, backbones=["vit"])
    assert recorded(store) == {"audit weekly": [str(kept)]}
    assert garbage(store, older_than=3600) == []
    assert [entry.name for entry in garbage(store, older_than=0)] == [str(dropped)]


def test_a_store_is_a_writable_local_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="is a file"):
        Store(tmp_path / "file")
    with pytest.raises(StoreError, match="Not a directory"):
        Store(tmp_path / "file" / "store")
    with pytest.raises(StoreError, match="s3://bucket"):
        Store("nowhere://bucket/store")
    with pytest.raises(StoreError, match="cannot"):
        Store("/proc/store")
    assert Store(f"file://{tmp_path}/a%20b").root == tmp_path / "a b"


def test_what_a_running_audit_finds_in_the_store_counts_as_young(store: Store) -> None:
    def read(one: Numbers) -> Path:
        return store.path(one)

    ways: list[Callable[[Numbers], object]] = [store.complete, read]
    for number, used in enumerate(ways):
        one = spec(number)
        folder = store.make(one, write)
        for path in (folder, *folder.rglob("*")):
            os.utime(path, (0, 0))
        assert str(one) in {entry.name for entry in garbage(store, older_than=3600)}
        assert used(one)
        assert str(one) not in {entry.name for entry in garbage(store, older_than=3600)}


def test_a_folder_that_vanishes_while_the_store_is_listed_is_left_out(store: Store) -> None:
    stays, goes = spec(1), spec(2)
    for one in (stays, goes):
        store.make(one, write)
    listing = iter(store.entries())
    found = [next(listing).name]
    other = {str(stays), str(goes)} - {*found}
    store.remove(*other)
    assert [*listing] == []
    gone = store.root / "numbers" / "gone"
    assert (size(gone), last_touched(gone)) == (0, None)
