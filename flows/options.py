"""What the commands of `uwm` share: exit codes, options, and how Prefect is set up."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from uwm.errors import UWMError

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


class _WithoutTraceback(logging.Filter):
    """Our own errors say what to do; their traceback would only hide it."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], UWMError):
            record.exc_info = None
        return True
