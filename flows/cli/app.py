"""The `uwm` command line. Heavy imports wait until a command needs them."""

from __future__ import annotations

import atexit
import io
import logging
import os
import signal
import sys
from types import FrameType

from cyclopts import App, CycloptsError, Parameter

from flows.cli.audit import audit, demo, plan
from flows.cli.backbones import backbones
from flows.cli.console import PrintableRecord, complain
from flows.cli.deploy import deploy, serve
from flows.cli.doctor import doctor
from flows.cli.export import export
from flows.cli.history import history_app
from flows.cli.inspect import inspect
from flows.cli.options import (
    BAD_INPUT,
    DONE,
    FAILED,
)
from flows.cli.pairs import pairs_app
from flows.cli.runs import runs_app
from flows.cli.search import search
from flows.cli.store import store_app
from flows.cli.sweep import sweep
from uwm import __version__
from uwm.errors import InputError, UWMError

app = App(
    name="uwm",
    version=__version__,
    help="Audit and repair the safety of CLIP-like models without training.",
    # Nobody wants --no-plan or --empty-backbone.
    default_parameter=Parameter(negative=""),
    suppress_keyboard_interrupt=False,  # see `main`
)
app.command(store_app)
app.command(pairs_app)
app.command(runs_app)
app.command(history_app)
app.command(inspect)
app.command(serve)
app.command(deploy)
app.command(sweep)
app.command(search)
for command in (demo, audit, plan, backbones, export, doctor):
    app.command(command)


def main() -> None:
    """Run the command line: 0 done, 1 failed, 2 bad usage or input, 3 an audit has regressed.

    An interrupted run ends at once. Threads that compute cannot be stopped, and waiting for them
    would be waiting for the audit; what they have completed is in the store either way.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that is not UTF-8 lacks signs of tables and names; no run ends for that.
        sys.stdout.reconfigure(errors="backslashreplace")
    logging.setLogRecordFactory(PrintableRecord)
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as shells have it in the background
        signal.signal(signal.SIGINT, _interrupt)
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        print("interrupted; what was completed is kept, run again to go on", file=sys.stderr)
        atexit._run_exitfuncs()  # ends Prefect's temporary server, which would outlive us
        os._exit(FAILED)
    sys.exit(code)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Stop, and have no thread that is still at work log what it then misses."""
    logging.disable()
    raise KeyboardInterrupt


def run(arguments: list[str]) -> int:
    """Run one command and answer with its exit code."""
    try:
        result = app(arguments, exit_on_error=False, print_error=True, result_action="return_value")
    except CycloptsError:
        return BAD_INPUT
    except InputError as error:
        complain(f"error: {error}")
        return BAD_INPUT
    except UWMError as error:
        complain(f"failed: {error}")
        return FAILED
    except Exception as error:
        if not (said := _lost_server(error)):
            raise
        complain(f"failed: {said}")
        return FAILED
    return result if isinstance(result, int) else DONE


def _lost_server(error: Exception) -> str | None:
    """What to say where Prefect's server went away; None of other errors."""
    if "prefect" not in sys.modules:
        return None
    from flows.operations.server import lost

    return lost(error)
