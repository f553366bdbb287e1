"""The far side of a store: artifacts on an object store, reached through fsspec.

Object stores have no rename, so an artifact's files lie below the digest of what they are,
`KIND/DIGEST/CONTENT/...`, and `KIND/DIGEST/COMPLETE.json`, a single object put last, says which
CONTENT is served. Two writers whose bytes differ (a GPU's and a CPU's) never mix: the last marker
wins. What a killed writer left is not an artifact, and the next one takes up what is there of it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from storage.store.bucket import Bucket
from storage.store.marker import COMPLETE, inside, sha256
from storage.store.marker import listed as listed_in
from uwm.errors import DamagedArtifactError

_ARTIFACT = re.compile(r"(?P<name>[a-z-]+/[0-9a-f]{40})/(?P<rest>.+)")
_TRANSFERS = 8
"""Objects under way at a time."""


@dataclass(frozen=True)
class Held:
    """What a store holds under one name.

    Attributes:
        name: KIND/DIGEST.
        size: in bytes.
        touched: when something of it was written last, seconds since the epoch.
        complete: whether it was completed, or is unfinished work.
    """

    name: str
    size: int
    touched: float
    complete: bool

    @property
    def kind(self) -> str:
        return self.name.partition("/")[0]


class Remote:
    """The artifacts below one URL of an object store; names are KIND/DIGEST."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def damage(self, name: str, *, thorough: bool = False) -> list[str] | None:
        """What is wrong with an artifact, a line per object; None where it was never completed.

        Sizes are always compared; content only of objects written after the marker, or of all.
        """
        marker = self._bucket.read(f"{name}/{COMPLETE}")
        if marker is None:
            return None
        try:
            listed = listed_in(marker)
        except DamagedArtifactError as error:
            return [str(error)]
        there = self._bucket.list(name)
        completed = _time(there.get(f"{name}/{COMPLETE}", {}))
        return [
            said
            for file, entry in listed.items()
            if (
                said := self._harm(
                    f"{name}/{_content(listed)}/{file}", entry, there, completed, thorough
                )
            )
        ]

    def push(self, name: str, folder: Path) -> None:
        """Upload a completed artifact: what a killed writer has not, then its marker.

        Raises:
            StoreError: the object store does not take them.
        """
        marker = (folder / COMPLETE).read_bytes()
        listed = listed_in(marker)
        base = f"{name}/{_content(listed)}"
        # Where there is a marker already, the artifact is damaged, and what is there of no trust.
        killed = self._bucket.read(f"{name}/{COMPLETE}") is None
        there = self._bucket.list(base) if killed else {}
        wanted = {
            f"{base}/{file}": folder / file
            for file, entry in listed.items()
            if there.get(f"{base}/{file}", {}).get("size") != entry["size"]
        }
        _each(self._bucket.upload, wanted.items())
        self._bucket.write(f"{name}/{COMPLETE}", marker)

    def pull(self, name: str, folder: Path) -> None:
        """Download an artifact into an empty folder and check every byte, its marker last.

        Damaged objects are withdrawn together with the marker, so that the artifact counts as
        missing and is made anew.

        Raises:
            DamagedArtifactError: it is not there, or not as it was written.
            StoreError: the object store does not answer.
        """
        marker = self._bucket.read(f"{name}/{COMPLETE}")
        if marker is None:
            raise DamagedArtifactError(f"{name} is not in the store; run the audit again")
        try:
            listed = listed_in(marker)
        except DamagedArtifactError as error:
            self._bucket.delete([f"{name}/{COMPLETE}"])
            raise DamagedArtifactError(
                f"{name} is damaged ({error}); run the audit again to recompute it"
            ) from error
        base = f"{name}/{_content(listed)}"
        there = self._bucket.list(base)
        # Sizes first: a listing is cheap, and an object that has grown may not fit the disk.
        bad = [
            f"{base}/{file}"
            for file, entry in listed.items()
            if there.get(f"{base}/{file}", {}).get("size") != entry["size"]
        ]
        if not bad:
            wanted = {f"{base}/{file}": folder / file for file in listed}
            for path in wanted.values():
                path.parent.mkdir(parents=True, exist_ok=True)
            _each(self._bucket.download, wanted.items())
            bad = [
                key
                for (key, path), entry in zip(wanted.items(), listed.values(), strict=True)
                if sha256(path) != entry["sha256"]
            ]
        if bad:
            self.withdraw(name, bad)
            raise DamagedArtifactError(
                f"{name} is damaged ({bad[0].removeprefix(base + '/')} is not what was written); "
                "run the audit again to recompute it"
            )
        (folder / COMPLETE).write_bytes(marker)

    def withdraw(self, name: str, objects: Iterable[str]) -> None:
        """Take back an artifact's marker, and then the damaged ones of its objects."""
        self._bucket.delete([f"{name}/{COMPLETE}"])
        self._bucket.delete([key for key in objects if key in self._bucket.list(name)])

    def entries(self) -> Iterator[Held]:
        """Every artifact and all unfinished work, by name; one listing of the whole store."""
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for key, status in self._bucket.list("").items():
            if match := _ARTIFACT.fullmatch(key):
                found.setdefault(match["name"], {})[match["rest"]] = status
        for name, objects in sorted(found.items()):
            yield Held(
                name,
                sum(status["size"] for status in objects.values()),
                max(map(_time, objects.values())),
                COMPLETE in objects,
            )

    def remove(self, name: str) -> None:
        """Delete an artifact, its marker first."""
        self.withdraw(name, list(self._bucket.list(name)))

    def share(self, name: str, path: Path) -> None:
        """Put one small file, such as an audit's record, under its name in the store."""
        self._bucket.write(name, path.read_bytes())

    def mirror(self, folder: str, into: Path) -> None:
        """Bring the small files below a folder of the store up to date in a local one.

        Raises:
            DamagedArtifactError: a name leads out of the folder.
        """
        keys = {key.removeprefix(f"{folder}/"): key for key in self._bucket.list(folder)}
        for name, key in keys.items():
            path = into / inside(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            if (content := self._bucket.read(key)) is not None:
                path.write_bytes(content)
        for path in [path for path in into.rglob("*") if path.is_file()]:
            if path.relative_to(into).as_posix() not in keys:
                path.unlink()

    def _harm(
        self,
        key: str,
        entry: dict[str, Any],
        there: dict[str, dict[str, Any]],
        completed: float,
        thorough: bool,
    ) -> str | None:
        file = key.split("/", 3)[-1]
        if key not in there:
            return f"{file} is missing"
        if there[key]["size"] != entry["size"]:
            return f"{file} has {there[key]['size']} bytes instead of {entry['size']}"
        if thorough or _time(there[key]) > completed:
            content = self._bucket.digest(key)
            if content != entry["sha256"]:
                return f"{file} has other content than was written"
        return None


def _content(listed: dict[str, dict[str, Any]]) -> str:
    return hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()[:16]


def _time(status: dict[str, Any]) -> float:
    """When an object was written; drivers call it by one of these names."""
    found = next(
        (
            status[name]
            for name in ("LastModified", "last_modified", "mtime", "created", "updated")
            if status.get(name) is not None
        ),
        0.0,
    )
    return found.timestamp() if isinstance(found, datetime) else float(found)


def _each(transfer: Any, pairs: Iterable[tuple[str, Path]]) -> None:
    with ThreadPoolExecutor(_TRANSFERS) as pool:
        for done in [pool.submit(transfer, key, path) for key, path in pairs]:
            done.result()
