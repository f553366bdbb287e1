"""How every stage is cached: by the artifacts that it makes, never by Prefect's record alone.

A task run makes one or more artifacts, given by their specs. Prefect keeps a record of the run in
the store under a key derived from those specs, and serves it (state `Cached`) only while all the
artifacts are complete; the task's body in turn makes only those that are not.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from prefect import Task, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.context import TagsContext, TaskRunContext
from prefect.filesystems import LocalFileSystem
from prefect.futures import PrefectFuture
from prefect.results import ResultStore
from prefect.serializers import JSONSerializer

from storage.store.spec import Spec
from storage.store.store import Store
from tasks.cost import Cost
from uwm.backbones.backbone import Backbone

RECORDS = "records"
_PROGRESS_SECONDS = 3.0

P = ParamSpec("P")
S = TypeVar("S", bound=Spec)


AnyTask = Task[..., list[str]]
OFFERED = ("backbone", "batch_size")
"""What a stage may ask for besides specs and store, by the names of its parameters."""


@dataclass(frozen=True)
class Stage:
    """What makes artifacts of some specs.

    Attributes:
        task: makes them.
        takes: which of `OFFERED` it asks for.
        cost: what one of them costs on a backbone.
    """

    task: AnyTask
    takes: tuple[str, ...]
    cost: Callable[[Any, Backbone], Cost]


_STAGES: dict[type[Spec], Stage] = {}


def stage(
    *specs: type[Spec], cost: Callable[[Any, Backbone], Cost]
) -> Callable[
    [Callable[Concatenate[Sequence[S], Store, P], None]],
    Task[Concatenate[Sequence[S], Store, P], list[str]],
]:
    """Turn a function into the task that makes the artifacts of some classes of specs.

    The function makes those of `specs` (its first argument) in the store (its second), and may ask
    for what is in `OFFERED`. The task returns their names, KIND/DIGEST.

    Args:
        specs: the classes; none of them has another stage.
        cost: what an artifact of one of them costs on a backbone.

    Raises:
        TypeError: the function asks for something else, or a class has a stage already.
    """

    def decorate(
        function: Callable[Concatenate[Sequence[S], Store, P], None],
    ) -> Task[Concatenate[Sequence[S], Store, P], list[str]]:
        _, _, *takes = signature(function).parameters
        if unknown := {*takes} - {*OFFERED}:
            raise TypeError(
                f"a stage may ask for {' and '.join(OFFERED)}; {function.__name__} asks for "
                f"{', '.join(sorted(unknown))}"
            )
        made = _task(function)
        for spec in specs:
            if spec in _STAGES:
                raise TypeError(f"{spec.__name__} has the stage {_STAGES[spec].task.name} already")
            _STAGES[spec] = Stage(made, tuple(takes), cost)
        return made

    return decorate


def stage_of(spec: Spec) -> Stage:
    """What makes an artifact.

    Raises:
        LookupError: no stage makes artifacts of this class.
    """
    try:
        return _STAGES[type(spec)]
    except KeyError:
        raise LookupError(f"no stage makes a {type(spec).__name__}") from None


def _task(
    function: Callable[Concatenate[Sequence[S], Store, P], None],
) -> Task[Concatenate[Sequence[S], Store, P], list[str]]:
    def run(specs: Sequence[S], store: Store, *args: P.args, **kwargs: P.kwargs) -> list[str]:
        function(specs, store, *args, **kwargs)
        return [str(spec) for spec in specs]

    run.__name__ = function.__name__
    run.__doc__ = function.__doc__
    decorate = task(
        name=function.__name__,
        cache_key_fn=_key,
        persist_result=True,
        result_serializer="json",
    )
    return decorate(run)


def submit(
    stage_task: AnyTask,
    specs: Sequence[Spec],
    store: Store,
    *,
    name: str,
    tags: Collection[str] = (),
    after: Sequence[PrefectFuture[Any]] = (),
    **arguments: Any,
) -> PrefectFuture[list[str]]:
    """Submit a stage to the flow's task runner.

    Args:
        name: what a person reads in the UI, such as `capture · vit · image`.
        tags: of the run, these alone. The server is asked for limits of every set of tags, over
            and over, under a lock where it keeps its rows in SQLite: seconds for each.
        after: runs that this one needs; drawn as edges of the run's graph.
        arguments: what the stage asks for.
    """
    complete = all(store.complete(spec) for spec in specs)
    if complete:
        _note(stage_task.name, specs, store)
    run = stage_task.with_options(
        task_run_name=name,
        result_storage=store.root / RECORDS,
        refresh_cache=not complete,
    )
    with TagsContext(current_tags=set(tags)):  # instead of the flow run's
        future: PrefectFuture[list[str]] = run.submit(
            specs, store, **arguments, wait_for=list(after)
        )
        return future


def _key(context: TaskRunContext, parameters: dict[str, Any]) -> str:
    return _record_name(context.task.name, parameters["specs"])


def _record_name(stage_name: str, specs: Sequence[Spec]) -> str:
    names = "\n".join(str(spec) for spec in specs)
    return f"{stage_name}-{hashlib.sha256(names.encode()).hexdigest()[:32]}"


def _note(stage_name: str, specs: Sequence[Spec], store: Store) -> None:
    """Write the record of complete artifacts that another machine made, or whose record is gone.

    Records stay on their machine: the artifacts alone decide, and all that a record says follows
    from their names.
    """
    name = _record_name(stage_name, specs)
    if (store.root / RECORDS / name).exists():
        return
    records = LocalFileSystem(basepath=str(store.root / RECORDS))
    ResultStore(result_storage=records, serializer=JSONSerializer()).write(
        [str(spec) for spec in specs], key=name
    )


@contextmanager
def progress(key: str, description: str) -> Iterator[Callable[[int, int], None]]:
    """A progress artifact in Prefect's UI, updated every few seconds by calling (done, total)."""
    artifact: UUID | None = None
    last = time.monotonic()
    lock = threading.Lock()

    def tell(done: int, total: int) -> None:
        nonlocal artifact, last
        with lock:
            if done < total and time.monotonic() - last < _PROGRESS_SECONDS:
                return
            last = time.monotonic()
            share = 100 * done / total
            if artifact is None:
                created = create_progress_artifact(share, key=key, description=description)
                artifact = created if isinstance(created, UUID) else None
            else:
                update_progress_artifact(artifact, share)

    yield tell
