"""What is tried on a store, each a trial that replays from its numbers, and what it finds."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from storage.store.store import Store
from tests.soak.disk import FAULTS, Fault
from tests.soak.work import SPECS, Ended, Say, again, content, faults, make, run, work
from uwm.errors import DamagedArtifactError


class Trials:
    """Trials in a folder, compared with what a store holds to which nothing happened.

    Attributes:
        moments: at which the work can fail.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._whole = folder / "whole"
        ended = run(self._whole)
        self.moments = ended.moments
        self._wanted = content(self._whole)
        self._count = 0

    def fault(self, fault: Fault, seed: int, at: int) -> list[str]:
        """A fault at a moment, and the work again."""
        root = self._fresh()
        return [*self._after(root, run(root, fault, at, seed + at), fault)]

    def chain(self, seed: int) -> list[str]:
        """Some faults after another on a store that is new, or has a damaged artifact."""
        chance = random.Random(seed)
        root = self._fresh()
        if chance.random() < 0.5:
            shutil.copytree(self._whole, root)
            _flip(root / str(chance.choice(SPECS)), chance, time_kept=False)
        found: list[str] = []
        for _ in range(chance.randint(1, 3)):
            fault = chance.choice([each for each in FAULTS if each != "vanish"])
            ended = run(root, fault, chance.randrange(self.moments), seed)
            found += faults(root, ended)
        return [*found, *self._after(root, ended, fault)]

    def _after(self, root: Path, ended: Ended, fault: Fault) -> Iterator[str]:
        if fault == "vanish":  # and with it what was made
            ended = Ended(ended.code, [line for line in ended.said if "error" in line], 0)
        else:
            yield from faults(root, ended)
        yield from again(root, ended, self._wanted)
        shutil.rmtree(root, ignore_errors=True)

    def flip(self, seed: int) -> list[str]:
        """A bit flipped in any file of an artifact, with the file's time as it was."""
        chance = random.Random(seed)
        root = self._fresh()  # an own path: a process compares what it has compared no more
        shutil.copytree(self._whole, root)
        spec = chance.choice(SPECS)
        name = _flip(root / str(spec), chance)
        store = Store(root)
        found: list[str] = []
        try:
            if store.complete(spec) and not spec.right(store.path(spec)):
                found.append(f"wrong: {name} of {spec}")
        except DamagedArtifactError:
            pass
        shutil.rmtree(root)
        shutil.copytree(self._whole, root)
        chance = random.Random(seed)
        _flip(root / str(chance.choice(SPECS)), chance)
        if not Store(root).damage(str(spec)):
            found.append(f"wrong: verify says nothing of {name} of {spec}")
        make(Store(root), spec)
        if content(root) != self._wanted:
            found.append(f"wrong: {spec} is made otherwise")
        shutil.rmtree(root)
        return found

    def processes(self, seed: int) -> list[str]:
        """Two to eight at the same work, of which all but one are killed some time."""
        chance = random.Random(seed)
        root = self._fresh()
        children = [_started(root) for _ in range(chance.randint(2, 8))]
        for pid in children[1:]:
            time.sleep(chance.random() * 0.05)
            os.kill(pid, signal.SIGKILL)
        codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
        found = [] if codes[0] == 0 else [f"lost: the process that lived ended with {codes[0]}"]
        ended = Ended(0, [f"made {spec}" for spec in SPECS], 0)
        return [*found, *self._after(root, ended, "kill")]

    def _fresh(self) -> Path:
        self._count += 1
        return self._folder / f"trial {self._count:06d} \u00e4"


def _started(root: Path) -> int:
    root.mkdir(exist_ok=True)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work(root, _silent)
            code = 0
        finally:
            os._exit(code)
    return pid


_silent: Say = lambda text: None  # noqa: E731


def _flip(artifact: Path, chance: random.Random, *, time_kept: bool = True) -> str:
    """Flip a bit of a file there; every kind of container is as likely, whatever its size."""
    paths = sorted(path for path in artifact.rglob("*") if path.is_file() and path.stat().st_size)
    kinds = sorted({path.suffix for path in paths})
    kind = chance.choice(kinds)
    path = chance.choice([path for path in paths if path.suffix == kind])
    status, data = path.stat(), bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    if time_kept:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    return path.name
