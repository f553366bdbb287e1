"""A store beside a model of it: whatever happens in whatever order, both know the same artifacts.

The model is what a person would say of each artifact: it is not there, it is there, or it is there
and damaged. Damage is what can happen to files from outside: a flipped bit, a cut file, a missing
one, a marker that reads `{}`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from storage.store.garbage import clear
from storage.store.history import record, recorded
from storage.store.marker import COMPLETE
from storage.store.store import Store
from storage.store.version import NAME
from tests.makers.artifacts import spec
from uwm.errors import DamagedArtifactError, StoreError

NUMBERS = st.integers(1, 4)
FILES = ("data/one", "two", "spec.json", COMPLETE)
State = Literal["whole", "damaged"]
_LATER_NS = 10**9
"""Whoever changes a file leaves a later time on it; within one tick of a clock it may be equal."""


class CutOffError(Exception):
    """What a build raises when it is cut off."""


def write(folder: Path, number: int) -> None:
    """Two files that tell whose they are."""
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "one").write_text(f"first of {number}")
    (folder / "two").write_text(f"second of {number}")


class StoreMachine(RuleBasedStateMachine):
    """Every rule is something that a run, a person or a disk does to a store."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="machine-"))
        self.store = Store(self.root / "store")
        self.known: dict[int, State] = {}
        self.needed: dict[str, set[int]] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    def folder(self, number: int) -> Path:
        return self.store.root / str(spec(number))

    @rule(number=NUMBERS)
    def make(self, number: int) -> None:
        """What is whole is not built again, and all else is."""
        built: list[Path] = []

        def build(folder: Path) -> None:
            built.append(folder)
            write(folder, number)

        self.store.make(spec(number), build)
        assert bool(built) == (self.known.get(number) != "whole")
        self.known[number] = "whole"

    @rule(number=NUMBERS, half=st.booleans())
    def fail(self, number: int, half: bool) -> None:
        """A build that is cut off publishes nothing."""

        def build(folder: Path) -> None:
            if half:
                (folder / "two").write_text("half")
            raise CutOffError

        try:
            self.store.make(spec(number), build)
        except CutOffError:
            assert self.known.get(number) != "whole"
        else:
            assert self.known.get(number) == "whole"

    @rule(number=NUMBERS)
    def read(self, number: int) -> None:
        """What is whole is read as it was written, and nothing else is read."""
        try:
            folder = self.store.path(spec(number))
        except DamagedArtifactError:
            assert self.known.get(number) != "whole"
        else:
            assert self.known.get(number) == "whole"
            assert (folder / "two").read_text() == f"second of {number}"

    @rule(number=NUMBERS, file=st.sampled_from(FILES), place=st.integers(0, 10**6))
    def flip(self, number: int, file: str, place: int) -> None:
        def change(path: Path) -> None:
            content = bytearray(path.read_bytes() or b"\0")  # it may have been cut to nothing
            content[place // 8 % len(content)] ^= 1 << place % 8
            path.write_bytes(content)

        self._damage(number, file, change)

    @rule(number=NUMBERS, file=st.sampled_from(FILES), share=st.floats(0, 0.99))
    def cut(self, number: int, file: str, share: float) -> None:
        self._damage(
            number, file, lambda path: os.truncate(path, int(share * len(path.read_bytes())))
        )

    @rule(number=NUMBERS, file=st.sampled_from(FILES))
    def lose(self, number: int, file: str) -> None:
        self._damage(number, file, Path.unlink)

    @rule(number=NUMBERS)
    def empty(self, number: int) -> None:
        self._damage(number, COMPLETE, lambda path: path.write_text("{}"))

    def _damage(self, number: int, file: str, change: Callable[[Path], object]) -> None:
        path = self.folder(number) / file
        if not path.is_file():
            return
        before = path.stat().st_mtime_ns
        change(path)
        if path.is_file():
            later = max(before, path.stat().st_mtime_ns) + _LATER_NS
            os.utime(path, ns=(later, later))
        if number in self.known:
            self.known[number] = "damaged"

    @rule(number=NUMBERS)
    def verify(self, number: int) -> None:
        """What is whole is told so, and damage is told."""
        if number in self.known:
            found = self.store.damage(str(spec(number)))
            assert (found == []) == (self.known[number] == "whole"), found

    @rule(name=st.sampled_from(["weekly", "monthly"]), numbers=st.sets(NUMBERS))
    def audited(self, name: str, numbers: set[int]) -> None:
        made = {"vit": [str(spec(number)) for number in numbers]}
        record(self.store, name, "audit", made, backbones=["vit"])
        self.needed[name] = numbers

    @rule()
    def collect(self) -> None:
        """What an audit stands on stays, and all else goes."""
        clear(self.store, older_than=-1e6)
        needed = set().union(*self.needed.values())
        self.known = {number: state for number, state in self.known.items() if number in needed}

    @rule()
    def restart(self) -> None:
        """Another process comes, and has seen nothing."""
        self.store = Store(self.store.url)

    @rule(format=st.sampled_from(["{}", '{"format": 0}', '{"format": 99}', ""]))
    def of_another_version(self, format: str) -> None:
        """A store of another version is refused, and is as it was once its format says so again."""
        path = self.store.root / NAME
        own = path.read_bytes()
        path.write_text(format)
        try:
            Store(self.store.url)
        except StoreError:
            pass
        else:
            raise AssertionError(f"a store of the format {format!r} was taken for one of this")
        finally:
            path.write_bytes(own)

    @invariant()
    def only_what_is_whole_is_complete(self) -> None:
        for number in range(1, 5):
            complete = self.store.complete(spec(number))
            assert complete == (self.known.get(number) == "whole"), number

    @invariant()
    def records_say_what_was_recorded(self) -> None:
        wanted = {
            f"audit {name}": sorted(str(spec(number)) for number in numbers)
            for name, numbers in self.needed.items()
        }
        assert recorded(self.store) == wanted
