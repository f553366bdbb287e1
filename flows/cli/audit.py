"""`uwm audit`, `uwm demo` and `uwm plan`."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from flows.cli.options import (
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
    writable,
)
from storage.store.store import Store
from uwm.config import AuditConfig, RunnerKind, SweepSettings

DEMO = Path(__file__).parents[1] / "examples" / "demo.yaml"


def tell_plan(settings: AuditConfig, artifacts: Store, swept: SweepSettings | None = None) -> int:
    """Print what an audit, or a sweep of it, would compute and write.

    Raises:
        InputError: what the audit itself would refuse, or the disk is too small.
    """
    prepare_prefect()
    from flows.plan.plan import check_room, make_plan, print_plan

    found = make_plan(settings, artifacts, swept)
    print_plan(Console(width=None if sys.stdout.isatty() else 160), found, artifacts)
    check_room(found, artifacts)
    return DONE


def demo(*, store: StoreOption = STORE, out: OutOption = OUT / "demo") -> int:
    """Audit the three small backbones that ship with uwm: no network, no GPU, a few minutes.

    A second run finds every stage in the store and takes seconds.
    """
    return audit(DEMO, store=store, out=out)


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
        the YAML file; flows/examples/demo.yaml is a complete example.
    backbone
        only these; what the others stand on stays, and the run is never a baseline.
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
    from flows.audit_file.read import only, read_config, with_methods

    whole = read_config(config)
    settings = with_methods(only(whole, backbone), method)
    partial = len(settings.backbones) < len(whole.backbones)
    where = runner_of(runner, workers, dask_address)
    artifacts = Store(store)
    folder = writable(out or OUT / settings.name)
    fetch(settings)
    prepare_prefect()
    from flows.plan.plan import check_room, make_plan
    from flows.stages.runners import check_runner

    check_runner(where)
    check_room(make_plan(settings, artifacts), artifacts)
    from flows.audit.flow import audit as audit_flow
    from flows.report.terminal import print_results

    results = audit_flow(settings, artifacts.url, str(folder), where, partial=partial)
    # A table needs its width, also where the output goes to a file.
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print()
    print_results(console, results)
    tables = [f"{name}.parquet" for name in results.tables]
    for name in ("results.parquet", *tables, "results.json", "report.html"):
        console.print(f"{folder / name}", soft_wrap=True, highlight=False)
    if results.failures:
        return FAILED
    return REGRESSED if results.verdict and not results.verdict.passed else DONE


def plan(config: Path, *, store: StoreOption = STORE) -> int:
    """Say what an audit would compute and write, without computing it.

    Exits with 2 when it would not fit on the disk.

    Parameters
    ----------
    config
        the YAML file of the audit.
    """
    from flows.audit_file.read import read_config

    return tell_plan(read_config(config), Store(store, reading=True))
