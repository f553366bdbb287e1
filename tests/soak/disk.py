"""A disk that fails on purpose, under whatever a process of its own writes below one folder.

Python tells an audit hook of every open, rename, removal and new folder before it happens; with
fsync, which is replaced, these are the moments at which a `Disk` fails. It also keeps account of
what is on the disk for good, so that it can cut the power: what was not synced is then lost or
not, file by file and name by name. Only for processes that end with it: hooks cannot be removed.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Fault = Literal["none", "kill", "power cut", "full", "failing", "short", "refused", "vanish"]
FAULTS: tuple[Fault, ...] = ("kill", "power cut", "full", "failing", "short", "refused", "vanish")
KILLED = 9
"""The exit code of a process that a fault has killed."""
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_CODES = {
    "full": errno.ENOSPC,
    "short": errno.ENOSPC,
    "failing": errno.EIO,
    "refused": errno.EACCES,
}
_LOCKS = "locks"
"""Locks die with their holder and hold nothing: they are no part of the account."""


@dataclass(eq=False)
class _File:
    safe: bytes = b""
    """What is surely read after a power cut."""


@dataclass(eq=False)
class _Folder:
    names: dict[str, _Node] = field(default_factory=dict)
    safe: dict[str, _Node] = field(default_factory=dict)
    changes: list[tuple[str, str | None, _Node | None]] = field(default_factory=list)
    """Since the last sync: a name, the one it had before if it was renamed, and what it is of."""


_Node = _File | _Folder


class Disk:
    """The disk below `root`, which is there; what it holds by now is on it for good.

    Args:
        fault: what happens at the moment numbered `at`, from 0, and in the case of errors from
            then on.
        seed: of what a power cut leaves, and of where a write stops short.
    """

    def __init__(self, root: Path, fault: Fault = "none", at: int = 0, seed: int = 0) -> None:
        self.moments = 0
        self._root, self._fault, self._at = root, fault, at
        self._random = random.Random(seed)
        self._top = _scan(root)
        self._lock = threading.RLock()
        self._own = threading.local()
        self._last: Path | None = None

    def install(self) -> None:
        """Fail in this process, until it ends."""
        os.fsync = self._synced  # type: ignore[assignment]
        sys.addaudithook(self._heard)

    def _heard(self, event: str, given: tuple[object, ...]) -> None:
        if event == "open":
            path, flags = given[0], given[2]
            if isinstance(flags, int) and flags & _WRITES:
                self._at_moment(event, self._path(path), None)
        elif event == "os.rename":
            self._at_moment(event, self._path(given[0], given[2]), self._path(given[1], given[3]))
        elif event in ("os.remove", "os.rmdir"):
            self._at_moment(event, self._path(given[0], given[1]), None)
        elif event == "os.mkdir":
            self._at_moment(event, self._path(given[0], given[2]), None)

    def _synced(self, descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        self._at_moment("fsync", path if path.is_relative_to(self._root) else None, None)

    def _path(self, path: object, descriptor: object = -1) -> Path | None:
        """A path below the root, absolute; None of any other."""
        if not isinstance(path, str | bytes | os.PathLike):
            return None
        found = Path(os.fsdecode(path))
        if isinstance(descriptor, int) and descriptor >= 0:
            found = Path(os.readlink(f"/proc/self/fd/{descriptor}"), found)
        inside = found.is_relative_to(self._root) and found != self._root
        return found if inside and found.relative_to(self._root).parts[0] != _LOCKS else None

    def _at_moment(self, event: str, path: Path | None, to: Path | None) -> None:
        if path is None or getattr(self._own, "busy", False):
            return
        with self._lock:
            self._own.busy = True  # what it does itself is not a moment
            try:
                self._fail_perhaps(path)
                self.moments += 1
                if event == "open":
                    self._last = path
                self._note(event, path, to)
            finally:
                self._own.busy = False

    def _fail_perhaps(self, path: Path) -> None:
        if self._fault in _CODES:
            if self.moments < self._at or (self._fault == "failing" and self.moments > self._at):
                return  # a bad block fails once; a disk stays full
            if self._fault == "short" and self.moments == self._at:
                self._cut_short()
            code = _CODES[self._fault]
            raise OSError(code, os.strerror(code), str(path))
        if self.moments != self._at or self._fault == "none":
            return
        if self._fault == "vanish":
            shutil.rmtree(self._root)
            self._fault = "none"
            return
        self._cut_short()
        if self._fault == "power cut":
            self._cut_power()
        os._exit(KILLED)

    def _cut_short(self) -> None:
        """Of the file that was being written some bytes may not have been."""
        if self._last is not None and self._last.is_file() and self._random.random() < 0.5:
            node = self._find(self._last)
            if not (isinstance(node, _File) and node.safe == self._last.read_bytes()):
                with self._last.open("r+b") as file:
                    file.truncate(self._random.randint(0, self._last.stat().st_size))

    def _note(self, event: str, path: Path, to: Path | None) -> None:
        """What the call, about to be made, changes; nothing where it is about to be refused."""
        parent = None if event == "fsync" else self._find(path.parent)
        if event == "fsync":
            node = self._find(path)
            if isinstance(node, _File):
                node.safe = path.read_bytes()
            elif isinstance(node, _Folder):
                self._meet(node, path)
                node.safe, node.changes = dict(node.names), []
        elif not isinstance(parent, _Folder):
            return
        elif event in ("open", "os.mkdir") and not os.path.lexists(path):
            made = _File() if event == "open" else _Folder()
            parent.names[path.name] = made
            parent.changes.append((path.name, None, made))
        elif event == "os.rename" and to is not None and os.path.lexists(path):
            if to.parent != path.parent:
                raise AssertionError("what moves to another folder is not kept account of")
            if to.is_dir() and any(to.iterdir()):
                return  # refused
            self._meet(parent, path.parent)
            node = parent.names.pop(path.name)
            parent.names[to.name] = node
            parent.changes.append((to.name, path.name, node))
        elif (event == "os.remove" and os.path.lexists(path)) or (
            event == "os.rmdir" and path.is_dir() and not any(path.iterdir())
        ):
            parent.names.pop(path.name, None)
            parent.changes.append((path.name, None, None))

    def _meet(self, folder: _Folder, path: Path) -> None:
        """Add what libraries that are no Python have made."""
        for name in os.listdir(path):
            if name not in folder.names and (path, name) != (self._root, _LOCKS):
                made = _Folder() if (path / name).is_dir() else _File()
                folder.names[name] = made
                folder.changes.append((name, None, made))

    def _find(self, path: Path) -> _Node | None:
        node: _Node = self._top
        walked = self._root
        for part in path.relative_to(self._root).parts:
            if not isinstance(node, _Folder):
                return None
            if part not in node.names and os.path.lexists(walked / part):
                self._meet(node, walked)
            found = node.names.get(part)
            if found is None:
                return None
            node, walked = found, walked / part
        return node

    def _cut_power(self) -> None:
        """Leave what was synced, and of the rest what chance leaves: any of it, in any order."""
        contents: dict[int, bytes] = {}
        _contents(self._top, self._root, contents)
        share = self._random.choice([0.0, 0.5, 1.0])
        left = self._root.with_name(self._root.name + ".left")
        self._leave(self._top, left, share, contents)
        shutil.rmtree(self._root)
        left.rename(self._root)

    def _leave(self, folder: _Folder, path: Path, share: float, contents: dict[int, bytes]) -> None:
        names = dict(folder.safe)
        for name, before, node in folder.changes:
            if self._random.random() >= share:
                continue
            if before is not None:
                if names.get(before) is node:
                    del names[before]
                    names[name] = node  # type: ignore[assignment]
            elif node is None:
                names.pop(name, None)
            else:
                names[name] = node
        path.mkdir()
        for name, node in names.items():
            if isinstance(node, _Folder):
                self._leave(node, path / name, share, contents)
            else:
                (path / name).write_bytes(self._left(node, contents.get(id(node))))

    def _left(self, file: _File, now: bytes | None) -> bytes:
        if now is None or now == file.safe:
            return file.safe
        cut = now[: self._random.randint(0, len(now))]
        return self._random.choice([file.safe, now, bytes(len(now)), cut])


def _scan(path: Path) -> _Folder:
    found = _Folder()
    for entry in path.iterdir():
        if entry.name != _LOCKS:
            found.names[entry.name] = _scan(entry) if entry.is_dir() else _File(entry.read_bytes())
    found.safe = dict(found.names)
    return found


def _contents(folder: _Folder, path: Path, found: dict[int, bytes]) -> None:
    """What every file that is there holds now."""
    for name, node in folder.names.items():
        if isinstance(node, _Folder):
            _contents(node, path / name, found)
        elif (path / name).is_file():
            found[id(node)] = (path / name).read_bytes()
