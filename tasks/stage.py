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

RECORDS = "records"
_PROGRESS_SECONDS = 3.0

P = ParamSpec("P")
S = TypeVar("S", bound=Spec)


def stage(
    function: Callable[Concatenate[Sequence[S], Store, P], None],
) -> Task[Concatenate[Sequence[S], Store, P], list[str]]:
    """A task that makes the artifacts of `specs` (its first argument) in the store (its second).

    The task returns their names, KIND/DIGEST.
    """

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
    stage_task: Task[..., list[str]],
    specs: Sequence[Spec],
    store: Store,
    *args: Any,
    name: str,
    tags: Collection[str] = (),
    after: Sequence[PrefectFuture[Any]] = (),
) -> PrefectFuture[list[str]]:
    """Submit a stage to the flow's task runner.

    Args:
        name: what a person reads in the UI, such as `capture · vit · image`.
        tags: of the run, these alone. The server is asked for limits of every set of tags, over
            and over, under a lock where it keeps its rows in SQLite: seconds for each.
        after: runs that this one needs; drawn as edges of the run's graph.
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
        return run.submit(specs, store, *args, wait_for=list(after))


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
