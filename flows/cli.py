"""The `uwm` command line. Heavy imports wait until a command needs them."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter
from cyclopts.validators import Number
from rich.console import Console
from rich.table import Table

from flows.deploy_commands import deploy, serve
from flows.history_commands import history_app
from flows.inspect_commands import inspect
from flows.options import (
    BAD_INPUT,
    DONE,
    FAILED,
    OUT,
    REGRESSED,
    STORE,
    NamedOutOption,
    OutOption,
    StoreOption,
    fetch,
    prepare_prefect,
    runner_of,
    tell_plan,
    writable,
)
from flows.search.command import search
from flows.store_commands import store_app
from flows.sweep.command import sweep
from storage.store import Store
from uwm import __version__
from uwm.config import RunnerKind
from uwm.errors import InputError, UWMError

app = App(
    name="uwm",
    version=__version__,
    help="Audit and repair the safety of CLIP-like models without training.",
    suppress_keyboard_interrupt=False,  # see `main`
)
app.command(store_app)
pairs_app = App(name="pairs", help="Look at safe/unsafe pairs before an audit.")
app.command(pairs_app)
runs_app = App(name="runs", help="Look after runs on Prefect's server.")
app.command(runs_app)
app.command(history_app)
app.command(inspect)
app.command(serve)
app.command(deploy)
app.command(sweep)
app.command(search)


@app.command
def demo(*, store: StoreOption = STORE, out: OutOption = OUT / "demo") -> int:
    """Audit the three small backbones that ship with uwm: no network, no GPU, a few minutes.

    A second run finds every stage in the store and takes seconds.
    """
    return audit(Path(__file__).with_name("demo.yaml"), store=store, out=out)


@app.command
def audit(
    config: Path,
    *,
    store: StoreOption = STORE,
    out: NamedOutOption = None,
    backbone: list[str] | None = None,
    method: list[str] | None = None,
    runner: RunnerKind = "threads",
    workers: int | None = None,
    dask_address: str | None = None,
) -> int:
    """Audit the backbones that a YAML file names, on the data and with the methods it names.

    Parameters
    ----------
    config
        the YAML file; flows/demo.yaml is a complete example.
    backbone
        only these.
    method
        measure these instead of the file's methods, each as YAML or JSON, such as
        "{kind: uwm, tau: 0.05}"; the audit is then called NAME-methods.
    runner
        what runs the stages: threads of this process, processes of this machine, or Dask.
    workers
        how many threads or processes per backbone, or how many Dask workers in all.
    dask_address
        of a Dask scheduler, tcp://HOST:PORT; without it a cluster is started on this machine.
    """
    from flows.config_file import only, read_config, with_methods

    settings = with_methods(only(read_config(config), backbone), method)
    where = runner_of(runner, workers, dask_address)
    artifacts = Store(store)
    folder = writable(out or OUT / settings.name)
    fetch(settings)
    prepare_prefect()
    from flows.plan import check_room, make_plan
    from flows.runners import check_runner

    check_runner(where)
    check_room(make_plan(settings, artifacts), artifacts)
    from flows.audit import audit as audit_flow
    from flows.terminal import print_results

    results = audit_flow(settings, artifacts.url, str(folder), where)
    # A table needs its width, also where the output goes to a file.
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print()
    print_results(console, results)
    tables = [f"{name}.parquet" for name in results.tables]
    for name in ("results.parquet", *tables, "results.json", "report.html"):
        console.print(f"{folder / name}", soft_wrap=True, highlight=False)
    if results.failures:
        return FAILED
    return REGRESSED if results.verdict and not results.verdict.passed else DONE


@app.command
def plan(config: Path, *, store: StoreOption = STORE) -> int:
    """Say what an audit would compute and write, without computing it.

    Exits with 2 when it would not fit on the disk.

    Parameters
    ----------
    config
        the YAML file of the audit.
    """
    from flows.config_file import read_config

    return tell_plan(read_config(config), Store(store))


@app.command
def backbones(search: str = "", /) -> int:
    """List open_clip's models: what can be edited in each, its pictures, and weights at hand.

    Parameters
    ----------
    search
        only models with this in their name, or of a pattern ('ViT-?-16*'); a single one is shown
        with its pretrained tags.
    """
    from flows.models import models, print_models

    console = Console(width=None if sys.stdout.isatty() else 140)
    print_models(console, models(search))
    return DONE


@app.command
def export(
    config: Path,
    backbone: str,
    method: str,
    *,
    out: Path,
    form: Annotated[Literal["open_clip", "hf"], Parameter(name="--format")] = "open_clip",
    results: Path | None = None,
    store: StoreOption = STORE,
) -> int:
    """Write a backbone, edited by one method, as a folder for open_clip or transformers.

    Parameters
    ----------
    config
        the YAML file of the audit that made the edits.
    backbone
        its name in that file.
    method
        the method's name in the results; `original` leaves the weights as they are.
    out
        the folder to write, which must not be there yet.
    form
        `hf` is Hugging Face's form, for CLIP and SigLIP.
    results
        the folder with that audit's results.json; defaults to .uwm/out/NAME.
    """
    from flows.config_file import read_config

    settings = read_config(config)
    if method != "original":
        Store.existing(store)
    from flows.export import export as write

    where = results or OUT / settings.name
    edits = write(settings, backbone, method, form, store, where, out)
    print(f"{out}: {backbone} with {', '.join(edits) or 'no edit'}")
    return DONE


@pairs_app.command(name="show")
def pairs_show(
    config: Path,
    *,
    reveal: Annotated[bool, Parameter(negative="")] = False,
    each: Annotated[int, Parameter(validator=Number(gte=1, lte=100))] = 3,
    out: NamedOutOption = None,
) -> int:
    """Count the pairs of every pair set per concept, and write a contact sheet, pairs.html.

    Exits with 2 when the audit would refuse a set.

    Parameters
    ----------
    config
        the YAML file of an audit; its backbones need not be there.
    reveal
        show pictures and unsafe texts as they are; otherwise the page holds no clear picture.
    each
        pairs on the sheet per concept.
    """
    from flows.config_file import read_outline
    from flows.pairs_page import pair_views, print_pairs, write_pairs_page

    settings = read_outline(config)
    folder = writable(out or OUT / settings.name)
    console = Console()
    with Console(stderr=True).status("reading pairs"):
        views = pair_views(settings)
        write_pairs_page(folder / "pairs.html", settings.name, views, each, reveal)
    print_pairs(console, views)
    console.print(f"{folder / 'pairs.html'}", soft_wrap=True, highlight=False)
    return BAD_INPUT if any(view.objection for view in views) else DONE


@runs_app.command(name="crash-stuck")
def runs_crash_stuck(
    *,
    minutes: Annotated[float, Parameter(validator=Number(gt=0))] = 10,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Mark audits as crashed whose process was killed: the server still calls them running.

    What they completed is kept; start the audit again and it goes on from there.

    Parameters
    ----------
    minutes
        how long nothing was heard of a run; a living one sends a heartbeat every 3 minutes.
    dry_run
        only say which.
    """
    prepare_prefect()
    from datetime import UTC, datetime, timedelta

    from prefect.client.orchestration import get_client

    from flows.runs import crash_stuck

    with get_client(sync_client=True) as client:
        found = crash_stuck(client, timedelta(minutes=minutes), datetime.now(UTC), dry_run=dry_run)
    for flow_run, heard in found:
        print(f"{flow_run.name}: silent since {heard:%Y-%m-%d %H:%M:%S} UTC ({flow_run.id})")
    print(f"{len(found)} {'would be ' * dry_run}marked as crashed")
    return DONE


@app.command
def doctor(*, store: StoreOption = STORE) -> int:
    """Show versions, devices, Prefect's server and disk space, and what is wrong with them."""
    prepare_prefect()
    from flows.doctor import checks

    table = Table(show_header=False, box=None)
    fine = True
    for what, good, found in checks(store):
        fine &= good
        table.add_row(what, "[green]ok[/]" if good else "[red]bad[/]", found)
    Console().print(table)
    return DONE if fine else FAILED


def main() -> None:
    """Run the command line: 0 done, 1 failed, 2 bad usage or input, 3 an audit has regressed.

    An interrupted run ends at once. Threads that compute cannot be stopped, and waiting for them
    would be waiting for the audit; what they have completed is in the store either way.
    """
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
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except UWMError as error:
        print(f"failed: {error}", file=sys.stderr)
        return FAILED
    return result if isinstance(result, int) else DONE
