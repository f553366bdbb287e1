"""The `uwm` command line. Heavy imports wait until a command needs them."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter
from cyclopts.validators import Number
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from flows.history_commands import history_app
from storage.copies import bound
from storage.store import Store, size
from uwm import __version__
from uwm.config import AuditConfig, Runner, RunnerKind
from uwm.errors import InputError, UWMError

DONE, FAILED, BAD_INPUT, REGRESSED = 0, 1, 2, 3

_StoreOption = Annotated[
    str, Parameter(name="--store", help="folder or URL (s3://bucket/prefix) of artifacts")
]
_OutOption = Annotated[Path, Parameter(name="--out", help="folder for results and the report")]
_STORE, _OUT = ".uwm/store", Path(".uwm/out")

app = App(
    name="uwm",
    version=__version__,
    help="Audit and repair the safety of CLIP-like models without training.",
)
store_app = App(name="store", help="Show, check and clear the store of artifacts.")
app.command(store_app)
pairs_app = App(name="pairs", help="Look at safe/unsafe pairs before an audit.")
app.command(pairs_app)
runs_app = App(name="runs", help="Look after runs on Prefect's server.")
app.command(runs_app)
app.command(history_app)


@app.command
def demo(*, store: _StoreOption = _STORE, out: _OutOption = _OUT / "demo") -> int:
    """Audit the three small backbones that ship with uwm: no network, no GPU, a few minutes.

    A second run finds every stage in the store and takes seconds.
    """
    return audit(Path(__file__).with_name("demo.yaml"), store=store, out=out)


@app.command
def audit(
    config: Path,
    *,
    store: _StoreOption = _STORE,
    out: _OutOption | None = None,
    runner: RunnerKind = "threads",
    workers: int | None = None,
    dask_address: str | None = None,
) -> int:
    """Audit the backbones that a YAML file names, on the data and with the methods it names.

    Parameters
    ----------
    config
        the YAML file; flows/demo.yaml is a complete example.
    out
        defaults to .uwm/out/NAME, NAME being the audit's.
    runner
        what runs the stages: threads of this process, processes of this machine, or Dask.
    workers
        how many threads or processes per backbone, or how many Dask workers in all.
    dask_address
        of a Dask scheduler, tcp://HOST:PORT; without it a cluster is started on this machine.
    """
    from flows.config_file import read_config

    settings = read_config(config)
    where = _runner(runner, workers, dask_address)
    artifacts = Store(store)
    folder = _writable(out or _OUT / settings.name)
    _fetch(settings)
    _prepare_prefect()
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
    for name in ("results.parquet", "results.json", "report.html"):
        console.print(f"{folder / name}", soft_wrap=True, highlight=False)
    return REGRESSED if results.verdict and not results.verdict.passed else DONE


@app.command
def plan(config: Path, *, store: _StoreOption = _STORE) -> int:
    """Say what an audit would compute and write, without computing it.

    Exits with 2 when it would not fit on the disk.

    Parameters
    ----------
    config
        the YAML file of the audit.
    """
    from flows.config_file import read_config

    settings = read_config(config)
    artifacts = Store(store)
    _prepare_prefect()
    from flows.plan import check_room, make_plan, print_plan

    found = make_plan(settings, artifacts)
    print_plan(Console(width=None if sys.stdout.isatty() else 140), found, artifacts)
    check_room(found, artifacts)
    return DONE


@app.command
def backbones(search: str = "", /) -> int:
    """List open_clip's models: what can be edited in each, its pictures, and weights at hand.

    Parameters
    ----------
    search
        only models with this in their name; a single one is shown with its pretrained tags.
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
    store: _StoreOption = _STORE,
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

    where = results or _OUT / settings.name
    edits = write(settings, backbone, method, form, store, where, out)
    print(f"{out}: {backbone} with {', '.join(edits) or 'no edit'}")
    return DONE


@pairs_app.command(name="show")
def pairs_show(
    config: Path,
    *,
    reveal: Annotated[bool, Parameter(negative="")] = False,
    each: Annotated[int, Parameter(validator=Number(gte=1, lte=100))] = 3,
    out: _OutOption | None = None,
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
    out
        defaults to .uwm/out/NAME, NAME being the audit's.
    """
    from flows.config_file import read_outline
    from flows.pairs_page import pair_views, print_pairs, write_pairs_page

    settings = read_outline(config)
    folder = _writable(out or _OUT / settings.name)
    console = Console()
    with Console(stderr=True).status("reading pairs"):
        views = pair_views(settings)
        write_pairs_page(folder / "pairs.html", settings.name, views, each, reveal)
    print_pairs(console, views)
    console.print(f"{folder / 'pairs.html'}", soft_wrap=True, highlight=False)
    return BAD_INPUT if any(view.objection for view in views) else DONE


@store_app.command(name="ls")
def store_ls(*, store: _StoreOption = _STORE) -> int:
    """List artifacts by kind: how many, how large, and what is unfinished or unneeded."""
    artifacts = Store.existing(store)
    held = list(artifacts.held())
    kinds: dict[str, list[int]] = {}
    for found in held:
        if found.complete:
            kinds.setdefault(found.kind, []).append(found.size)
    table = Table(title=artifacts.url)
    for name in ("kind", "artifacts", "MiB"):
        table.add_column(name, justify="left" if name == "kind" else "right")
    for kind, sizes in kinds.items():
        table.add_row(kind, str(len(sizes)), f"{sum(sizes) / 2**20:.1f}")
    total = [size for sizes in kinds.values() for size in sizes]
    table.add_section()
    table.add_row("all", str(len(total)), f"{sum(total) / 2**20:.1f}")
    console = Console()
    console.print(table)
    drafts = sum(not found.complete for found in held)
    garbage = len(artifacts.garbage(older_than=0))
    console.print(f"{drafts} unfinished; {garbage} that no audit stands on (`uwm store gc`)")
    if artifacts.shared:
        room = f"{size(artifacts.root) / 2**20:.1f} of {bound() / 2**20:.0f} MiB"
        console.print(f"copies on this machine: {room} in {artifacts.root}", soft_wrap=True)
    for audit_name, used in artifacts.recorded().items():
        console.print(f"audit {audit_name} stands on {len(used)} artifacts", highlight=False)
    return DONE


@store_app.command(name="verify")
def store_verify(*, store: _StoreOption = _STORE) -> int:
    """Compare every file of every artifact with the checksum it was written with."""
    artifacts = Store.existing(store)
    checked, broken = 0, 0
    for held in artifacts.held():
        if not held.complete:
            continue
        checked += 1
        if found := artifacts.damage(held.name):
            broken += 1
            print(f"{held.name}: {'; '.join(found)}")
    print(f"{checked} artifacts checked, {broken} damaged")
    if broken:
        print("the next audit that needs a damaged artifact computes it anew")
    return FAILED if broken else DONE


@store_app.command(name="gc")
def store_gc(
    *, store: _StoreOption = _STORE, older_than_hours: float = 24, dry_run: bool = False
) -> int:
    """Delete what no recorded audit stands on: artifacts and unfinished work.

    Parameters
    ----------
    older_than_hours
        keep what is younger: a running audit may be about to use it.
    dry_run
        only say what would be deleted.
    """
    artifacts = Store.existing(store)
    garbage = artifacts.garbage(older_than_hours * 3600)
    freed = sum(held.size for held in garbage)
    for held in garbage:
        print(f"{'would delete' if dry_run else 'delete'} {held.name}")
        if not dry_run:
            artifacts.remove(held.name)
    print(f"{len(garbage)} folders, {freed / 2**20:.1f} MiB")
    return DONE


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
    _prepare_prefect()
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
def doctor(*, store: _StoreOption = _STORE) -> int:
    """Show versions, devices, Prefect's server and disk space, and what is wrong with them."""
    _prepare_prefect()
    from flows.doctor import checks

    table = Table(show_header=False, box=None)
    fine = True
    for what, good, found in checks(store):
        fine &= good
        table.add_row(what, "[green]ok[/]" if good else "[red]bad[/]", found)
    Console().print(table)
    return DONE if fine else FAILED


def main() -> None:
    """Run the command line: 0 done, 1 failed, 2 bad usage or input, 3 an audit has regressed."""
    sys.exit(run(sys.argv[1:]))


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
    except KeyboardInterrupt:
        print("interrupted; what was completed is kept, run again to go on", file=sys.stderr)
        return FAILED
    return result if isinstance(result, int) else DONE


def _runner(kind: RunnerKind, workers: int | None, dask_address: str | None) -> Runner:
    try:
        return Runner(kind=kind, workers=workers, dask_address=dask_address)
    except ValidationError as error:
        said = "; ".join(
            f"{' '.join(map(str, found['loc'])).replace('_', ' ')} {found['msg']}".strip()
            for found in error.errors()
        )
        raise InputError(f"--runner {kind}: {said}") from error


def _fetch(settings: AuditConfig) -> None:
    """Download what is not on this machine yet, with its progress, before anything is computed."""
    from uwm.checkpoint import locate

    for backbone in settings.backbones:
        locate(backbone)


def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot make the folder {folder}: {error.strerror}; name another with --out"
        ) from error
    return folder


def _prepare_prefect() -> None:
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
