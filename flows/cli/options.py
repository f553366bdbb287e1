"""What the commands of `uwm` share: exit codes, options and what they mean, Prefect's set-up."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated

from cyclopts import Parameter
from pydantic import ValidationError

from uwm.config import AuditConfig, Runner, RunnerKind
from uwm.errors import InputError, UWMError

DONE, FAILED, BAD_INPUT, REGRESSED = 0, 1, 2, 3
"""Exit codes."""

StoreOption = Annotated[
    str, Parameter(name="--store", help="folder or URL (s3://bucket/prefix) of artifacts")
]
OutOption = Annotated[Path, Parameter(name="--out", help="folder for results and the report")]
NamedOutOption = Annotated[
    Path | None,
    Parameter(
        name="--out",
        help="folder for results and the report; .uwm/out/NAME if absent, NAME being the audit's",
    ),
]
STORE, OUT = ".uwm/store", Path(".uwm/out")


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
    quiet = _WithoutTraceback()
    for logger in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(logger).addFilter(quiet)


def runner_of(kind: RunnerKind, workers: int | None, dask_address: str | None = None) -> Runner:
    """What runs the stages, as options say it. Raises InputError where they contradict."""
    try:
        return Runner(kind=kind, workers=workers, dask_address=dask_address)
    except ValidationError as error:
        said = "; ".join(
            f"{' '.join(map(str, found['loc'])).replace('_', ' ')} {found['msg']}".strip()
            for found in error.errors()
        )
        raise InputError(f"--runner {kind}: {said}") from error


def fetch(settings: AuditConfig) -> None:
    """Download what is not on this machine yet, with its progress, before anything is computed."""
    from uwm.backbones.locate import locate

    for backbone in settings.backbones:
        locate(backbone)


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
    """Our own errors say what to do; their traceback would only hide it. So would that of a thread
    which outlives an interrupted run, and with it the client that Prefect gave it."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        orphaned = isinstance(error, RuntimeError) and "client has been closed" in str(error)
        if isinstance(error, UWMError) or orphaned:
            record.exc_info = None
        return True
