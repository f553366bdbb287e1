"""What the commands of `uwm` share: exit codes, options, and what they do before heavy work."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from pydantic import ValidationError

from storage.store.store import Store
from uwm.config import AuditConfig, Runner, RunnerKind
from uwm.config.methods.requests import WeightsFrom
from uwm.errors import InputError, UWMError

if TYPE_CHECKING:
    from flows.plan.plan import Plan

DONE, FAILED, BAD_INPUT, REGRESSED = 0, 1, 2, 3
"""Exit codes."""

StoreOption = Annotated[
    str, Parameter(name="--store", help="folder or URL (s3://bucket/prefix) of artifacts.")
]
OutOption = Annotated[Path, Parameter(name="--out", help="folder for results and the report.")]
NamedOutOption = Annotated[
    Path | None,
    Parameter(
        name="--out",
        help="folder for results and the report; .uwm/out/NAME if absent, NAME being the audit's.",
    ),
]
BackboneOption = Annotated[
    list[str] | None,
    Parameter(name="--backbone", help="only this one of the file; may be given several times."),
]
PlanOption = Annotated[
    bool, Parameter(name="--plan", help="only show what would be computed and written.")
]
_LOCAL = ("127.0.0.1", "localhost", "::1")
STORE, OUT = ".uwm/store", Path(".uwm/out")


@Parameter(name="*")
@dataclass(frozen=True)
class RunnerOptions:
    """Where the stages of each backbone run."""

    runner: Annotated[
        RunnerKind,
        Parameter(help="threads of this process, processes of this machine, or Dask."),
    ] = "threads"
    workers: Annotated[
        int | None,
        Parameter(help="threads or processes per backbone, or Dask workers in all."),
    ] = None
    dask_address: Annotated[
        str | None,
        Parameter(
            help="a Dask scheduler, tcp://HOST:PORT; without it a cluster starts on this machine."
        ),
    ] = None

    def checked(self) -> Runner:
        """The runner that these options ask for. Raises InputError where they contradict."""
        kind = self.runner
        try:
            return Runner(kind=kind, workers=self.workers, dask_address=self.dask_address)
        except ValidationError as error:
            said = "; ".join(
                f"{' '.join(map(str, found['loc'])).replace('_', ' ')} {found['msg']}".strip()
                for found in error.errors()
            )
            raise InputError(f"--runner {kind}: {said}") from error


THREADS = RunnerOptions()


def prepare_prefect() -> None:
    """Settings that must stand before Prefect is imported; the user's own win."""
    defaults = {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    _keep_off_proxies()
    quiet = _WithoutTraceback()
    for logger in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(logger).addFilter(quiet)


def _keep_off_proxies() -> None:
    """Let no proxy come between this process and a Prefect server of this machine."""
    for name in ("NO_PROXY", "no_proxy"):
        given = [part for part in os.environ.get(name, "").split(",") if part.strip()]
        os.environ[name] = ",".join([*given, *(host for host in _LOCAL if host not in given)])


def ready(
    settings: AuditConfig,
    runner: Runner,
    artifacts: Store,
    planned: Callable[[AuditConfig, Store], Plan],
) -> None:
    """What every command does before a run: set Prefect up, fetch weights, check runner and room.

    Args:
        planned: makes the plan of the run, whose size has to fit beside the store.

    Raises:
        InputError: no server answers, the runner cannot be had, weights cannot be fetched, or the
            disk is too small.
    """
    prepare_prefect()
    from flows.operations.server import check_server
    from flows.plan.plan import check_room
    from flows.stages.runners import check_runner

    check_server()
    check_runner(runner)
    fetch(settings)

    check_room(planned(settings, artifacts), artifacts)


def fetch(settings: AuditConfig) -> None:
    """Download the weights that are not on this machine yet, with progress, before any work:
    those of the backbones, and those that `checkpoint` methods bring for them."""
    from uwm.backbones.locate import locate

    for backbone in settings.backbones:
        locate(backbone)
        for method in settings.weight_methods:
            wanted = method.weights_for(backbone.name)
            if isinstance(wanted, WeightsFrom):
                locate(wanted.place)


def writable(folder: Path) -> Path:
    """The folder, made where it is missing; written to, so that no run ends unable to.

    Raises:
        InputError: it cannot be made or written, or is a file.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except FileExistsError:
        raise InputError(
            f"results go to a folder and {folder} is a file; name another with --out"
        ) from None
    except OSError as error:
        raise InputError(
            f"the folder {folder} cannot be written: {error.strerror}; name another with --out"
        ) from error
    return folder


class _WithoutTraceback(logging.Filter):
    """Drop tracebacks from the log for our own errors, whose message already says what to do, and
    for worker threads that fail after an interrupt because Prefect's client is closed."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        orphaned = isinstance(error, RuntimeError) and "client has been closed" in str(error)
        if isinstance(error, UWMError) or orphaned:
            record.exc_info = None
        return True
