"""Content-addressed artifacts that are either whole or not there.

An artifact is a folder `STORE/KIND/DIGEST/`, where DIGEST is the SHA-256 of its `Spec`. It holds
`spec.json`, the data, and `COMPLETE.json`, written last, which lists every file with its size and
SHA-256. Work in progress lies aside in `STORE/KIND/DIGEST.draft/`, under a lock that dies with its
process, and is published by rename: a reader never sees a torn artifact, two writers never mix.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from filelock import FileLock
from pydantic import BaseModel

from uwm.errors import DamagedArtifactError, StoreError

SPEC, COMPLETE = "spec.json", "COMPLETE.json"
_DRAFT, _LOCKS, _AUDITS = ".draft", "locks", "audits"


class Spec(BaseModel, frozen=True, extra="forbid"):
    """Everything that can change an artifact's bytes, and nothing that cannot.

    Attributes:
        kind: what sort of artifact, the name of its folder in the store.
        resumable: whether a draft that a killed writer left is taken up, rather than begun anew.
        code: digest of the code that computes it, see `storage.code`.
    """

    kind: ClassVar[str]
    resumable: ClassVar[bool] = False
    code: str

    @cached_property
    def digest(self) -> str:
        """The artifact's address: SHA-256 over kind and fields."""
        text = json.dumps({"kind": self.kind, **self.model_dump(mode="json")}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:40]

    def __str__(self) -> str:
        return f"{self.kind}/{self.digest}"


class Store:
    """A folder of artifacts. Cheap to make, safe to share between threads and processes.

    Args:
        url: a path or a `file://` URL; made where it is missing.

    Raises:
        StoreError: the path is a file, cannot be written, or is a URL of another scheme.
    """

    def __init__(self, url: str | Path) -> None:
        self.root = _local_path(str(url))
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise StoreError(f"a store is a folder; {self.root} is a file") from None
        except OSError as error:
            raise StoreError(f"cannot make the store {self.root}: {error.strerror}") from error
        probe = self.root / f".writable-{os.getpid()}"
        try:
            probe.touch()
            probe.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"the store {self.root} cannot be written: {error.strerror}; "
                "name another with --store"
            ) from error

    def folder(self, kind: str, digest: str) -> Path:
        """Where an artifact lies, there or not."""
        return self.root / kind / digest

    def complete(self, spec: Spec) -> bool:
        """Whether the artifact is there, with every file as it was written.

        Sizes are always compared; content only of files touched after the artifact was completed.
        """
        folder = self.folder(spec.kind, spec.digest)
        return (folder / COMPLETE).is_file() and not damage(folder)

    def path(self, kind: str, digest: str) -> Path:
        """The folder of a complete artifact, to read from.

        Raises:
            DamagedArtifactError: it is missing or damaged.
        """
        folder = self.folder(kind, digest)
        if not (folder / COMPLETE).is_file():
            raise DamagedArtifactError(f"{kind}/{digest} is not in the store; run the audit again")
        if found := damage(folder):
            raise DamagedArtifactError(
                f"{kind}/{digest} is damaged ({found[0]}); run the audit again to recompute it"
            )
        return folder

    def make(self, spec: Spec, build: Callable[[Path], None]) -> Path:
        """The folder of `spec`'s artifact, built by `build` unless it is complete.

        One writer at a time: a second one waits, then finds the artifact. `build` gets an empty
        folder, or for a resumable spec the draft that a killed writer left.
        """
        folder = self.folder(spec.kind, spec.digest)
        draft = folder.with_name(folder.name + _DRAFT)
        folder.parent.mkdir(parents=True, exist_ok=True)
        locks = self.root / _LOCKS
        locks.mkdir(exist_ok=True)
        with FileLock(locks / f"{spec.kind}-{spec.digest}"):
            if not self.complete(spec):
                if not spec.resumable:
                    shutil.rmtree(draft, ignore_errors=True)
                draft.mkdir(exist_ok=True)
                build(draft)
                _publish(spec, draft, folder)
        return folder

    def artifacts(self) -> Iterator[tuple[str, str, Path]]:
        """Every published folder as (kind, digest, path), by kind and digest."""
        for folder in sorted(self.root.glob("*/*")):
            if folder.is_dir() and (folder / SPEC).is_file() and folder.suffix != _DRAFT:
                yield folder.parent.name, folder.name, folder

    def drafts(self) -> Iterator[Path]:
        """Every unfinished folder."""
        yield from sorted(self.root.glob(f"*/*{_DRAFT}"))

    def record(self, audit: str, used: Sequence[str]) -> None:
        """Note the artifacts (KIND/DIGEST) that the latest audit of this name stands on."""
        folder = self.root / _AUDITS
        folder.mkdir(exist_ok=True)
        fresh = folder / f".{audit}-{os.getpid()}"
        fresh.write_text(json.dumps(sorted(set(used)), indent=1))
        fresh.rename(folder / f"{audit}.json")

    def recorded(self) -> dict[str, list[str]]:
        """The artifacts noted per audit."""
        return {
            path.stem: json.loads(path.read_text())
            for path in sorted((self.root / _AUDITS).glob("*.json"))
        }

    def garbage(self, older_than: float) -> list[Path]:
        """Folders that no recorded audit stands on, and drafts, untouched for so many seconds.

        The age keeps what a running audit has just made.
        """
        needed = {name for used in self.recorded().values() for name in used}
        unneeded = [
            path for kind, digest, path in self.artifacts() if f"{kind}/{digest}" not in needed
        ]
        limit = time.time() - older_than
        return [path for path in (*unneeded, *self.drafts()) if _touched(path) <= limit]


def damage(folder: Path, *, thorough: bool = False) -> list[str]:
    """What is wrong with a completed artifact: one line per file, none if it is whole.

    Args:
        thorough: compare every file's content, not only of those touched since completion.
    """
    marker = folder / COMPLETE
    try:
        listed: dict[str, dict[str, Any]] = json.loads(marker.read_text())["files"]
        completed = marker.stat().st_mtime_ns
    except (OSError, ValueError, KeyError) as error:
        return [f"{COMPLETE} cannot be read: {error}"]
    found = []
    for name, entry in listed.items():
        path = folder / name
        try:
            status = path.stat()
        except OSError:
            found.append(f"{name} is missing")
            continue
        if status.st_size != entry["size"]:
            found.append(f"{name} has {status.st_size} bytes instead of {entry['size']}")
        elif (thorough or status.st_mtime_ns > completed) and _sha256(path) != entry["sha256"]:
            found.append(f"{name} has other content than was written")
    return found


def _touched(folder: Path) -> float:
    return max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))


def _publish(spec: Spec, draft: Path, folder: Path) -> None:
    _write(draft / SPEC, {"kind": spec.kind, **spec.model_dump(mode="json")})
    files = {
        path.relative_to(draft).as_posix(): {"size": path.stat().st_size, "sha256": _sha256(path)}
        for path in sorted(draft.rglob("*"))
        if path.is_file() and path.name != COMPLETE
    }
    _write(draft / COMPLETE, {"files": files})
    if folder.exists():  # damaged: it was not complete
        shutil.rmtree(folder)
    draft.rename(folder)


def _write(path: Path, content: dict[str, Any]) -> None:
    with path.open("w") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _local_path(url: str) -> Path:
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    if "://" in url:
        raise StoreError(
            f"a store is a local (or mounted) folder or a file:// URL in this version; got {url}"
        )
    return Path(url).expanduser().absolute()
