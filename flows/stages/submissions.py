"""Runs of stages, submitted once per artifact and ordered by what they need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from prefect.futures import PrefectFuture

from storage.store.shards import ShardedSpec
from storage.store.spec import Spec
from storage.store.store import Store
from tasks.stage import Stage, stage_of, submit
from uwm.backbones.backbone import Backbone
from uwm.families import Tower


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
        Large sets are made in shards. Within one process a tower takes one input at a time, so that
        a run makes all the shards; with several, a run makes those of the same samples, which one
        pass may serve.

        Args:
            what: of the artifacts, for the name of the run.

        Raises:
            LookupError: no stage makes such artifacts.
        """
        new = [spec for spec in dict.fromkeys(specs) if spec not in self._made]
        if not new:
            return
        shards = [shard for spec in new if isinstance(spec, ShardedSpec) for shard in spec.shards]
        inputs = dict.fromkeys(found for spec in new for found in spec.inputs)
        known = self._made.keys() | {*shards}
        for tower, alike in _alike(found for found in inputs if found not in known):
            self.make(alike, f"{tower} · {what}" if tower and tower not in what else what)
        if not self._spread:
            self._submit([*shards, *new], what)
            return
        passes: dict[object, list[Spec]] = {}
        for shard in shards:
            passes.setdefault((shard.data, shard.rows), []).append(shard)
        for number, together in enumerate(passes.values(), 1):
            self._submit(together, f"{what} · shard {number}/{len(passes)}")
        self._submit(new, what)

    def read(self, spec: Spec) -> Path:
        """The folder of an artifact that is asked for; waits until it is made.

        Raises the first failure, in order of submission, where it cannot be.
        """
        run = self._runs[spec.digest]
        run.wait()
        if not run.state.is_completed():
            self.wait()
        return self.store.path(spec)

    def _submit(self, specs: Sequence[Spec], what: str) -> None:
        """Submit a run that makes artifacts, after those that make what it reads."""
        self._run(stage_of(specs[0]), specs, what)
        self._made |= dict.fromkeys(specs)

    def _run(self, stage: Stage, specs: Sequence[Spec], what: str) -> None:
        inputs = (found for spec in specs for found in spec.inputs)
        after = {id(run): run for spec in inputs if (run := self._runs.get(spec.digest))}
        offered = {"backbone": self._backbone, "batch_size": self._batch_size}
        named = [stage.task.name.replace("_", " "), self.name, self._label, what]
        run = submit(
            stage.task,
            specs,
            self.store,
            name=" · ".join(part for part in named if part),
            tags={self.name, stage.task.name} if self._tagged else set(),
            after=[*after.values()],
            **{name: offered[name] for name in stage.takes},
        )
        self._runs |= dict.fromkeys((spec.digest for spec in specs), run)


def _alike(specs: Iterable[Spec]) -> list[tuple[Tower | None, list[Spec]]]:
    """Specs that one run may make, and the tower that it is for, where there is one."""
    found: dict[tuple[str, Tower | None], list[Spec]] = {}
    for spec in specs:
        key = stage_of(spec).task.name, getattr(spec, "tower", None)
        found.setdefault(key, []).append(spec)
    return [(tower, alike) for (_, tower), alike in found.items()]
