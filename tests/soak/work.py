"""What a store is put through: artifacts in every container, in chunks and at once, and records."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file

from storage.formats import standing
from storage.formats.gradient_sums import keep_sums, kept_sums
from storage.formats.samples import Array, Field, SampleArrays
from storage.formats.scores import read_scores, write_scores
from storage.store.history import keep, kept, record, recorded
from storage.store.spec import Spec
from storage.store.store import Store
from storage.store.together import make_together
from tests.makers.history import audit_of
from tests.soak.disk import KILLED, Disk, Fault
from uwm.errors import DamagedArtifactError, UWMError
from uwm.layers import LayerId

LAYER = LayerId("image", 1, "fc2")
CHUNKS, ROWS = 3, 4
FIELDS = {
    "safe": Field((3,), "float32"),
    "pixels": Field((2, 2), "uint8", compressed=True),
    "width-4": Field((2, 4), "float32", piece=(1, 4)),
}
TOLD = 2
"""The exit code of a process that ended with an error of the project's own."""
Say = Callable[[str], object]


class Table(Spec):
    """Parquet, JSON and safetensors, made at once."""

    kind: ClassVar[str] = "tables"
    number: int

    def write(self, folder: Path) -> None:
        (folder / "sets").mkdir()
        table = pd.DataFrame({"value": np.arange(20) * self.number, "name": "a"})
        table.to_parquet(folder / "sets" / "0.parquet", index=False)
        (folder / "rest.json").write_text(json.dumps({"number": self.number}), encoding="utf-8")
        save_file({"indices": torch.arange(20) * self.number}, folder / "edit.safetensors")

    def right(self, folder: Path) -> bool:
        table = pd.read_parquet(folder / "sets" / "0.parquet")
        rest = json.loads((folder / "rest.json").read_text(encoding="utf-8"))
        edit = load_file(folder / "edit.safetensors")["indices"]
        wanted = np.arange(20) * self.number
        return bool(
            (table["value"].to_numpy() == wanted).all()
            and (table["name"] == "a").all()
            and rest == {"number": self.number}
            and (edit.numpy() == wanted).all()
        )


class Chunked(Spec):
    """Arrays that are written chunk by chunk."""

    kind: ClassVar[str] = "chunked"
    resumable: ClassVar[bool] = True
    number: int

    def values(self, rows: slice) -> dict[str, Array]:
        index = np.arange(rows.start, rows.stop) * self.number
        return {
            name: np.broadcast_to(
                index.reshape(-1, *[1] * len(part.shape)), (len(index), *part.shape)
            ).astype(part.dtype)
            for name, part in FIELDS.items()
        }

    def write(self, folder: Path, say: Say) -> None:
        arrays = SampleArrays.create(folder, CHUNKS * ROWS, ROWS, FIELDS)
        for rows in arrays.missing():
            say(f"computing {self} {rows.start}")
            arrays.write(rows, self.values(rows))
            say(f"chunk {self} {rows.start}")

    def right(self, folder: Path) -> bool:
        arrays = SampleArrays(folder)
        wanted = self.values(slice(0, CHUNKS * ROWS))
        return all(bool((arrays.read(name) == value).all()) for name, value in wanted.items())


class Summed(Spec):
    """Scores of sums that are kept while they grow."""

    kind: ClassVar[str] = "summed"
    resumable: ClassVar[bool] = True
    number: int

    @property
    def total(self) -> torch.Tensor:
        return torch.arange(5.0) * self.number * CHUNKS

    def write(self, folder: Path, say: Say) -> None:
        done, sums = kept_sums(folder)
        total = sums[LAYER] if sums else torch.zeros(5)
        for chunk in range(done, CHUNKS):
            total = total + torch.arange(5.0) * self.number
            keep_sums(folder, chunk + 1, {LAYER: total})
        write_scores(folder, {LAYER: total}, {"samples": CHUNKS})
        standing.drop(folder)

    def right(self, folder: Path) -> bool:
        scores, attributes = read_scores(folder)
        return bool((scores[LAYER] == self.total).all()) and attributes == {"samples": CHUNKS}


TABLES = [Table(code="", number=number) for number in (1, 2, 3)]
CHUNKED, SUMMED = Chunked(code="", number=3), Summed(code="", number=5)
SPECS: tuple[Table | Chunked | Summed, ...] = (*TABLES, CHUNKED, SUMMED)
AUDIT = audit_of(evaluations={"vit": {"original": [str(TABLES[0])]}})


def make(store: Store, spec: Table | Chunked | Summed, say: Say = lambda text: None) -> None:
    """Make one artifact, and say what is computed for it and that it is made."""

    def build(folder: Path) -> None:
        say(f"building {spec}")
        if isinstance(spec, Table):
            spec.write(folder)
        else:
            spec.write(folder, say)

    store.make(spec, build)
    say(f"made {spec}")


def work(root: Path, say: Say) -> None:
    """All of it, or what is missing of it."""
    store = Store(root)
    make(store, TABLES[0], say)
    make(store, CHUNKED, say)
    make(store, SUMMED, say)
    make_together(store, TABLES[1:], _write_all)
    for spec in TABLES[1:]:
        say(f"made {spec}")
    with store.telling(), store.lock("audits", "soak"):
        if AUDIT not in kept(store, AUDIT.name):
            keep(store, AUDIT)
    say("kept")
    record(store, AUDIT.name, "audit", {"vit": [str(SUMMED)]}, backbones=["vit"])
    say("recorded")


def _write_all(folders: Mapping[Table, Path]) -> None:
    for spec, folder in folders.items():
        spec.write(folder)


@dataclass(frozen=True)
class Ended:
    """How a process ended: its code, what it said, and how many moments there were if it lived."""

    code: int
    said: list[str]
    moments: int

    def told(self, word: str) -> set[str]:
        """What it said that begins with a word."""
        return {line.removeprefix(word + " ") for line in self.said if line.startswith(word)}


def run(
    root: Path,
    fault: Fault = "none",
    at: int = 0,
    seed: int = 0,
    task: Callable[[Path, Say], None] = work,
) -> Ended:
    """Do the work in a process of its own on a disk with a fault."""
    root.mkdir(exist_ok=True)
    reads, writes = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reads)
        os._exit(_child(root, writes, Disk(root, fault, at, seed), task))
    os.close(writes)
    with os.fdopen(reads, encoding="utf-8") as file:
        said = file.read().splitlines()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    moments = [int(line.split()[1]) for line in said if line.startswith("moments ")]
    return Ended(code, said, moments[-1] if moments else 0)


def _child(root: Path, pipe: int, disk: Disk, task: Callable[[Path, Say], None]) -> int:
    def say(text: str) -> None:
        os.write(pipe, (text + "\n").encode())

    logging.disable()
    code = 0
    try:
        disk.install()
        task(root, say)
    except UWMError as error:
        say(f"error {error}")
        code = TOLD
    except BaseException:
        say(traceback.format_exc())
        code = 1
    say(f"moments {disk.moments}")
    return code


def faults(root: Path, ended: Ended) -> Iterator[str]:
    """What is lost, torn or wrong in a store after a process on it has ended."""
    if ended.code not in (0, TOLD, KILLED):
        yield "untold: " + " ".join(ended.said[-3:])
    if ended.code == TOLD and any("\n" in line for line in ended.told("error")):
        yield "untold: more than a line"
    if not (root / "format.json").exists():
        if ended.told("made"):
            yield "lost: the store's format"
        return
    store = Store(root, reading=True)
    for spec in SPECS:
        there = store.complete(spec)
        if str(spec) in ended.told("made") and not there:
            yield f"lost: {spec}"
        if there and (harm := store.damage(str(spec))):
            yield f"torn: {spec}: {harm[0]}"
        elif there and not spec.right(store.path(spec)):
            yield f"wrong: {spec}"
    yield from _chunks(store, ended)
    if "kept" in ended.said and AUDIT not in kept(store, AUDIT.name):
        yield "lost: the audit's record"
    if "recorded" in ended.said and not recorded(store):
        yield "lost: what the audit stands on"


def _chunks(store: Store, ended: Ended) -> Iterator[str]:
    folder = store.folder(CHUNKED.kind, CHUNKED.digest)
    draft = folder.with_name(folder.name + ".draft")
    written = {int(line.split()[1]) for line in ended.told("chunk")}
    if store.complete(CHUNKED) or not written:
        return
    try:
        arrays = SampleArrays(draft)
    except DamagedArtifactError as error:
        yield f"lost: chunks {sorted(written)}: {error}"
        return
    for rows in arrays.chunks():
        if rows.start in written and arrays.lacks(rows):
            yield f"lost: chunk {rows.start}"
        elif not arrays.lacks(rows):
            for name, value in CHUNKED.values(rows).items():
                try:
                    if not (arrays.read(name, rows) == value).all():
                        yield f"wrong: chunk {rows.start} of {name}"
                except DamagedArtifactError as error:
                    yield f"torn: chunk {rows.start}: {error}"


def again(root: Path, before: Ended, wanted: dict[str, str]) -> Iterator[str]:
    """What is wrong once the work is run again: it ends, with the same bytes, and computes nothing
    twice."""
    ended = run(root)
    if ended.code != 0:
        yield "lost: it cannot be run again: " + " ".join(ended.said[-3:])
        return
    if twice := before.told("made") & ended.told("building"):
        yield f"lost: made again: {twice}"
    if twice := before.told("chunk") & ended.told("computing"):
        yield f"lost: computed again: {twice}"
    yield from faults(root, ended)
    if (found := content(root)) != wanted:
        yield f"wrong: other files than ever: {sorted(found.items() ^ wanted.items())[:4]}"


def content(root: Path) -> dict[str, str]:
    """The digest of every file in a store, by name; locks and what was set aside are left out."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
        and path.relative_to(root).parts[0] != "locks"
        and ".damaged" not in str(path)
        and not path.name.startswith(".")
    }
