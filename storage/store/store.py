"""Content-addressed artifacts that are either whole or not there.

An artifact is a folder `STORE/KIND/DIGEST/`, where DIGEST is the SHA-256 of its `Spec`. It holds
`spec.json`, the data, and `COMPLETE.json`, written last, which lists every file with its size and
SHA-256. Work in progress lies aside in `STORE/KIND/DIGEST.draft/`, under a lock that dies with its
process, and is published by rename once every byte is on the disk: a reader never sees a torn
artifact, two writers never mix, and a power cut takes back nothing that counts as complete. What
turns out damaged is set aside as `STORE/KIND/DIGEST.damaged/` and made anew.

A store on an object store keeps that folder as this machine's copy (`storage.store.copies`):
artifacts are built and read there, and count as complete once they are uploaded
(`storage.store.remote`).
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from filelock import FileLock

from storage.store import durable
from storage.store.bucket import connect, endpoint
from storage.store.copies import copies_folder, make_room
from storage.store.integrity import damage, is_whole, last_touched, size, withdraw
from storage.store.marker import COMPLETE
from storage.store.publication import DAMAGED, publish
from storage.store.remote import Held, Remote
from storage.store.spec import Spec
from storage.store.version import NAME, check_bucket, check_folder
from uwm.errors import DamagedArtifactError, StoreError

_DRAFT, _FETCH, _LOCKS = ".draft", ".fetch", "locks"
_DIGEST = re.compile(r"[0-9a-f]{40}")
_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE}


class Store:
    """A folder of artifacts. Cheap to make, safe to share between threads and processes.

    Args:
        url: a path or a `file://` URL, made where it is missing; or an object store's, such as
            `s3://bucket/prefix`.
        reading: only to be read: nothing is made or written, so that a store without the right to
            write in it will do. One that is not there is empty.

    Attributes:
        root: the folder; of an object store this machine's copy.
        url: names the store on every machine that shares it.

    Raises:
        StoreError: the path is a file or cannot be written, the object store is of no use, see
            `storage.store.bucket.Bucket`, or the store has another format, see
            `storage.store.version`.
    """

    def __init__(self, url: str | Path, *, reading: bool = False) -> None:
        local = _local_path(str(url))
        self._remote: Remote | None = None
        self._seen: set[str] = set()  # complete when last asked; a flow run has a Store of its own
        if local is None:
            self.url = str(url).rstrip("/")
            bucket = connect(self.url, endpoint(), reading)
            check_bucket(self.url, bucket, reading=reading)
            self._remote = Remote(bucket)
            self.root = copies_folder(self.url, endpoint())
        else:
            self.url, self.root = str(local), local
        if self._remote is not None or not reading:
            _check_writable(self.root)
        if self._remote is None:
            check_folder(self.root, reading=reading)

    @classmethod
    def existing(cls, url: str, *, reading: bool = False) -> Store:
        """A store that is there already.

        Raises:
            StoreError: there is none at `url`.
        """
        local = _local_path(url)
        if local is not None and not local.exists():
            raise StoreError(f"there is no store at {url}; name one with --store")
        return cls(url, reading=reading)

    def __reduce__(self) -> tuple[type[Store], tuple[str]]:
        """Connections stay behind when a store goes to another process."""
        return Store, (self.url,)

    @property
    def shared(self) -> bool:
        """Whether it is an object store, and `root` but a copy."""
        return self._remote is not None

    @property
    def free(self) -> int:
        """Bytes free on the disk where it lies, or would lie."""
        there = next(path for path in (self.root, *self.root.parents) if path.exists())
        return shutil.disk_usage(there).free

    def folder(self, kind: str, digest: str) -> Path:
        """Where an artifact lies, there or not."""
        return self.root / kind / digest

    def complete(self, spec: Spec) -> bool:
        """Whether the artifact is there, with every file as it was written.

        What is compared is said in `storage.store.integrity.damage`. An object store is asked once
        per `Store`.
        """
        if self._remote is None:
            folder = self.folder(spec.kind, spec.digest)
            return is_whole(folder) and _used(folder)
        if str(spec) not in self._seen and self._remote.damage(str(spec)) == []:
            self._seen.add(str(spec))
        return str(spec) in self._seen

    def path(self, artifact: Spec | str) -> Path:
        """The folder of a complete artifact, given by its spec or as KIND/DIGEST, to read from.

        Raises:
            DamagedArtifactError: it is missing or damaged.
        """
        kind, digest = str(artifact).split("/")
        folder = self.folder(kind, digest)
        if self._remote is not None:
            with self.lock(kind, digest):
                self._fetch(self._remote, folder)
            return folder
        if not (folder / COMPLETE).is_file():
            raise DamagedArtifactError(f"{artifact} is not in the store; run the audit again")
        if found := damage(folder):
            raise DamagedArtifactError(
                f"{artifact} is damaged ({found[0]}); run the audit again to recompute it"
            )
        _used(folder)
        return folder

    def make(self, spec: Spec, build: Callable[[Path], None]) -> Path:
        """The folder of `spec`'s artifact, built by `build` unless it is complete.

        One writer at a time: a second one waits, then finds the artifact. `build` gets an empty
        folder, or for a resumable spec the draft that a killed writer left.

        Raises:
            StoreError: the store is full, can no longer be written, or is gone.
        """
        folder = self.folder(spec.kind, spec.digest)
        draft = folder.with_name(folder.name + _DRAFT)
        with self.telling(draft), self.lock(spec.kind, spec.digest):
            if self._remote is not None and self.complete(spec):
                self._fetch(self._remote, folder)
            elif not (is_whole(folder) and _used(folder)):
                if not spec.resumable:
                    shutil.rmtree(draft, ignore_errors=True)
                durable.make_folder(draft, within=self.root)
                build(draft)
                if self._vanished:
                    raise self._gone()
                publish(spec, draft, folder)
            if self._remote is not None and not self.complete(spec):
                self._remote.push(str(spec), folder)
                self._seen.add(str(spec))
        return folder

    def artifacts(self) -> Iterator[tuple[str, str, Path]]:
        """Every published folder on this machine as (kind, digest, path), by kind and digest."""
        for folder in sorted(self.root.glob("*/*")):
            if _DIGEST.fullmatch(folder.name) and folder.is_dir():
                yield folder.parent.name, folder.name, folder

    def drafts(self) -> Iterator[Path]:
        """Every folder on this machine that is unfinished, or was set aside as damaged."""
        for suffix in (_DRAFT, _FETCH, DAMAGED):
            yield from sorted(self.root.glob(f"*/*{suffix}"))

    def entries(self) -> Iterator[Held]:
        """Everything in the store, by name: artifacts and unfinished work.

        A running audit renames and deletes folders meanwhile; those are left out.
        """
        if self._remote is not None:
            yield from self._remote.entries()
            return
        found = [(folder, True) for _, _, folder in self.artifacts()]
        for folder, complete in [*found, *((draft, False) for draft in self.drafts())]:
            touched = last_touched(folder)
            if touched is not None:
                name = folder.relative_to(self.root).as_posix()
                yield Held(name, size(folder), touched, complete)

    def damage(self, name: str) -> list[str]:
        """What is wrong with an artifact (KIND/DIGEST) when every byte is read, a line per file.

        Its marker is withdrawn, so that it is made anew, unless the store cannot be written.
        """
        if self._remote is None:
            if found := damage(self.root / name, thorough=True):
                withdraw(self.root / name)
            return found
        found = self._remote.damage(name, thorough=True) or []
        if found:
            with suppress(StoreError):
                self._remote.remove(name)
        return found

    def remove(self, name: str) -> None:
        """Delete what `entries` names, from the store and from this machine's copy."""
        if self._remote is not None:
            self._remote.remove(name)
            self._seen.discard(name)
        shutil.rmtree(self.root / name, ignore_errors=self._remote is not None)

    def share(self, path: Path) -> None:
        """Let every machine see a small file below `root` that is no artifact: a record."""
        if self._remote is not None:
            self._remote.share(path.relative_to(self.root).as_posix(), path)

    def mirror(self, folder: str) -> Path:
        """A folder below `root` of small files, brought up to date with what others shared."""
        if self._remote is not None:
            self._remote.mirror(folder, self.root / folder)
        return self.root / folder

    def lock(self, kind: str, digest: str) -> FileLock:
        """What a process of this machine holds while it makes or fetches an artifact."""
        locks = self.root / _LOCKS
        try:
            locks.mkdir(exist_ok=True)
        except FileNotFoundError:
            raise self._gone() from None
        return FileLock(locks / f"{kind}-{digest}")

    @contextmanager
    def telling(self, draft: Path | None = None) -> Iterator[None]:
        """Say what happened to the store while something, or a draft, was written in it.

        Raises:
            StoreError: the store is full, can no longer be written, or is gone.
        """
        try:
            yield
        except StoreError:
            raise
        except Exception as error:
            if self._vanished:
                raise self._gone() from error
            code = error.errno if isinstance(error, OSError) else None
            if code in _FULL:
                raise StoreError(
                    f"the disk of the store {self.root} is full; free some space (`uwm store gc` "
                    "deletes what no audit needs) and run again, which goes on from here"
                ) from error
            if code in _REFUSED and _lies_in(error, self.root):
                raise StoreError(
                    f"the store {self.root} can no longer be written: {error}; mend that and run "
                    "again, which goes on from here"
                ) from error
            if draft is not None and not draft.is_dir() and isinstance(error, OSError):
                raise StoreError(
                    f"{draft} was deleted while it was written; run again to make it anew"
                ) from error
            raise

    @property
    def _vanished(self) -> bool:
        return not (self.root if self.shared else self.root / NAME).exists()

    def _gone(self) -> StoreError:
        return StoreError(
            f"the store {self.root} is gone, deleted or no longer mounted; bring it back, or run "
            "again to compute everything anew"
        )

    def _fetch(self, remote: Remote, folder: Path) -> None:
        """Bring an artifact to this machine, unless it is here and whole."""
        if not is_whole(folder):
            fetched = folder.with_name(folder.name + _FETCH)
            shutil.rmtree(fetched, ignore_errors=True)
            fetched.mkdir(parents=True)
            try:
                remote.pull(folder.relative_to(self.root).as_posix(), fetched)
            except DamagedArtifactError:
                self._seen.discard(folder.relative_to(self.root).as_posix())
                shutil.rmtree(fetched)
                raise
            shutil.rmtree(folder, ignore_errors=True)
            fetched.rename(folder)
            make_room(self.root, keep=folder)
        os.utime(folder)  # when it was used last


def _check_writable(root: Path) -> None:
    """Raise StoreError unless `root` is a folder, or can be made one, that can be written."""
    try:
        missing = [path for path in (root, *root.parents) if not path.exists()]
        root.mkdir(parents=True, exist_ok=True)
        for path in missing:
            durable.sync(path.parent)
    except FileExistsError:
        raise StoreError(f"a store is a folder; {root} is a file") from None
    except OSError as error:
        raise StoreError(f"cannot make the store {root}: {error.strerror}") from error
    probe = root / f".writable-{os.getpid()}"
    try:
        probe.touch()
        probe.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"the store {root} cannot be written: {error.strerror}; name another with --store"
        ) from error


def _lies_in(error: BaseException, root: Path) -> bool:
    name = getattr(error, "filename", None)
    return name is None or Path(os.fsdecode(name)).is_relative_to(root)


def _used(folder: Path) -> bool:
    """Note that a whole artifact is in use, so that `storage.store.garbage` takes it for young.

    False where it was deleted in this moment. In a store that cannot be written nothing is noted.
    """
    try:
        os.utime(folder)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def _local_path(url: str) -> Path | None:
    """The folder that `url` means, None for an object store."""
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    if "://" in url:
        return None
    return Path(url).expanduser().absolute()
