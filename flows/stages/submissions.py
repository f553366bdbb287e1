"""Runs of stages, submitted once per artifact and ordered by what they need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from prefect import Task
from prefect.futures import PrefectFuture

from storage.store.shards import ShardedSpec
from storage.store.spec import Spec
from storage.store.store import Store
from tasks.stage import stage_of, submit
from uwm.backbones.backbone import Backbone

Sharded = TypeVar("Sharded", bound=ShardedSpec)


class Submissions:
    """Submits runs of one backbone's stages to the task runner of the flow it is used in.

    Args:
        name: the backbone's, for the names of runs.
        spread: whether the task runner has several processes, so that shards may run side by side.
        tagged: whether runs carry the backbone and the stage as tags.
    """

    def __init__(
        self,
        store: Store,
        backbone: Backbone,
        name: str,
        batch_size: int,
        seed: int,
        *,
        spread: bool = False,
        tagged: bool = False,
    ) -> None:
        self.store = store
        self._backbone = backbone
        self.name = name
        self._label = ""  # of other weights than the backbone's own, for the names of runs
        self._batch_size = batch_size
        self._seed = seed
        self._spread = spread
        self._tagged = tagged
        self._samples: dict[str, int] = {}  # of what a tower reads, by digest
        self._runs: dict[str, PrefectFuture[list[str]]] = {}
        self._made: dict[Spec, None] = {}  # in order, each once

    @property
    def used(self) -> list[Spec]:
        """Every artifact that this audit stands on, in order."""
        return list(self._made)

    def wait(self) -> None:
        """Until everything submitted is done. Raises the first failure, in order of submission."""
        for run in self._runs.values():
            run.result()

    def make(self, specs: Sequence[Spec], what: str) -> None:
        """Submit the stage that makes some artifacts of one sort, unless it is submitted already.

        It waits for the runs that make its inputs; those that nobody has asked for are made, too.

        Args:
            what: of the artifacts, for the name of the run.

        Raises:
            LookupError: no stage makes such artifacts.
        """
        new = [spec for spec in dict.fromkeys(specs) if spec not in self._made]
        if not new:
            return
        inputs = list(dict.fromkeys(found for spec in new for found in spec.inputs))
        for alike in _alike(found for found in inputs if found not in self._made):
            self.make(alike, what)
        made = stage_of(new[0])
        offered = {"backbone": self._backbone, "batch_size": self._batch_size}
        arguments = [offered[name] for name in made.takes]
        self._submit(made.task, new, *arguments, what=what, needs=inputs)

    def read(self, spec: Spec) -> Path:
        """The folder of an artifact that is asked for; waits until it is made.

        Raises the first failure, in order of submission, where it cannot be.
        """
        run = self._runs[spec.digest]
        run.wait()
        if not run.state.is_completed():
            self.wait()
        return self.store.path(spec.kind, spec.digest)

    def _submit_samples(
        self,
        stage: Task[..., list[str]],
        specs: Sequence[Sharded],
        what: str,
        needs: Sequence[Spec],
    ) -> list[Sharded]:
        """Submit a pass of a tower over samples, large sets in shards; the wholes.

        Within one process a tower takes one input at a time, so that a run makes all the shards.
        With several, a run makes those of the same samples, which one pass may serve.
        """
        arguments = (self._backbone, self._batch_size)
        split = [spec.split(self._samples[spec.data]) for spec in specs]
        wholes = [whole for _, whole in split]
        new = [(found, whole) for found, whole in split if whole not in self._made]
        shards = [shard for found, _ in new for shard in found]
        left = [whole for _, whole in new]
        if self._spread:
            passes: dict[object, list[Sharded]] = {}
            for shard in shards:
                passes.setdefault((shard.data, shard.rows), []).append(shard)
            for number, together in enumerate(passes.values(), 1):
                name = f"{what} · shard {number}/{len(passes)}"
                self._submit(stage, together, *arguments, what=name, needs=needs)
            self._submit(stage, left, *arguments, what=what, needs=[*needs, *shards])
        else:
            self._submit(stage, [*shards, *left], *arguments, what=what, needs=needs)
        return wholes

    def _submit(
        self,
        stage: Task[..., list[str]],
        specs: Sequence[Spec],
        *arguments: Any,
        what: str,
        needs: Iterable[Spec] = (),
    ) -> None:
        if all(spec in self._made for spec in specs):
            return
        self._run(stage, specs, *arguments, what=what, needs=needs)
        self._made |= dict.fromkeys(specs)

    def _run(
        self,
        stage: Task[..., list[str]],
        specs: Sequence[Spec],
        *arguments: Any,
        what: str,
        needs: Iterable[Spec],
    ) -> None:
        """Have a stage make artifacts that were not asked for before, or not all of them."""
        after = {id(run): run for spec in needs if (run := self._runs.get(spec.digest))}
        named = [stage.name.replace("_", " "), self.name, self._label, what]
        name = " · ".join(part for part in named if part)
        tags = {self.name, stage.name} if self._tagged else set()
        run = submit(
            stage, specs, self.store, *arguments, name=name, tags=tags, after=[*after.values()]
        )
        for spec in specs:
            self._runs[spec.digest] = run


def _alike(specs: Iterable[Spec]) -> list[list[Spec]]:
    """Specs by what makes them, and for which tower."""
    found: dict[object, list[Spec]] = {}
    for spec in specs:
        key = stage_of(spec).task.name, getattr(spec, "tower", None)
        found.setdefault(key, []).append(spec)
    return list(found.values())
