"""`uwm audit`, `uwm demo` and `uwm plan`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from flows.cli.console import console, say
from flows.cli.options import (
    DONE,
    FAILED,
    OUT,
    REGRESSED,
    STORE,
    THREADS,
    BackboneOption,
    NamedOutOption,
    OutOption,
    PlanOption,
    RunnerOptions,
    StoreOption,
    prepare_prefect,
    ready,
    writable,
)
from storage.store.store import Store
from uwm.config import AuditConfig

if TYPE_CHECKING:
    from flows.plan.plan import Plan

DEMO = Path(__file__).parents[1] / "examples" / "demo.yaml"


def show_plan(
    settings: AuditConfig, artifacts: Store, planned: Callable[[AuditConfig, Store], Plan]
) -> int:
    """Print what a run would compute and write, and what its samples can show.

    Raises:
        InputError: what the run itself would refuse, or the disk is too small.
    """
    prepare_prefect()
    from flows.plan.plan import check_room, print_plan
    from flows.plan.power import print_power

    made = planned(settings, artifacts)
    print_plan(console(), made, artifacts)
    print_power(console(), settings)
    check_room(made, artifacts)
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
    backbone: BackboneOption = None,
    method: list[str] | None = None,
    runner: RunnerOptions = THREADS,
    plan: PlanOption = False,
) -> int:
    """Audit the backbones that a YAML file names, on the data and with the methods it names.

    An audit of only some backbones is never a baseline, and what the others stand on is kept.

    For example:

        uwm audit mine.yaml
        uwm audit mine.yaml --backbone vit --method "{kind: uwm, tau: 0.05}"
        uwm audit mine.yaml --runner processes --workers 2 --plan

    Parameters
    ----------
    config
        the YAML file; flows/examples/demo.yaml is a complete example.
    method
        measure this instead of the file's methods, written as YAML or JSON, such as
        "{kind: uwm, tau: 0.05}"; the audit is then called NAME-methods. May be given several
        times.
    """
    from flows.audit_file.read import only, read_config, with_methods

    whole = read_config(config)
    settings = with_methods(only(whole, backbone), method)
    partial = len(settings.backbones) < len(whole.backbones)
    where = runner.checked()
    artifacts = Store(store, reading=plan)
    if plan:
        return show_plan(settings, artifacts, _planned)
    folder = writable(out or OUT / settings.name)
    ready(settings, where, artifacts, _planned)
    from flows.audit.flow import audit as audit_flow
    from flows.report.terminal import print_results

    results = audit_flow(settings, artifacts.url, str(folder), where, partial=partial)
    say("")
    print_results(console(), results)
    tables = [f"{name}.parquet" for name in results.tables]
    for name in ("results.parquet", *tables, "results.json", "report.html"):
        say(folder / name)
    if results.failures:
        return FAILED
    return REGRESSED if results.verdict and not results.verdict.passed else DONE


def plan(config: Path, *, store: StoreOption = STORE, backbone: BackboneOption = None) -> int:
    """Show what an audit would compute and write, without computing it.

    Exits with 2 when it would not fit on the disk.

    For example:

        uwm plan mine.yaml

    Parameters
    ----------
    config
        the YAML file of the audit.
    """
    from flows.audit_file.read import only, read_config

    return show_plan(only(read_config(config), backbone), Store(store, reading=True), _planned)


def _planned(settings: AuditConfig, artifacts: Store) -> Plan:
    from flows.plan.plan import make_plan

    return make_plan(settings, artifacts)
