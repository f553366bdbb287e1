"""`uwm serve` and `uwm deploy`: an audit on a schedule, on this machine or on workers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from flows.cli.console import say
from flows.cli.options import DONE, OUT, STORE, NamedOutOption, StoreOption, prepare_prefect
from storage.store.store import Store
from uwm.errors import InputError

if TYPE_CHECKING:
    from flows.operations.deployments import Schedule

_WEEKLY, _NIGHTLY = "0 3 * * 1", "30 2 * * *"
_Cron = Annotated[str, Parameter(name="--cron", help="when to audit, UTC; `never` for on demand")]
_GcCron = Annotated[str, Parameter(name="--gc-cron", help="when to clear the store, or `never`")]


def serve(
    config: Path,
    *,
    store: StoreOption = STORE,
    out: NamedOutOption = None,
    cron: _Cron = _WEEKLY,
    gc_cron: _GcCron = _NIGHTLY,
) -> int:
    """Audit a zoo on a schedule from this process, until it is stopped. One machine, no workers.

    Needs a Prefect server that stays: `prefect server start`, and PREFECT_API_URL set to it.

    For example:

        uwm serve mine.yaml --cron "0 3 * * 1"

    Parameters
    ----------
    config
        the YAML file of the audit, read at each run: a zoo may grow.
    """
    name, folder, url, schedule = _checked(config, store, out, cron, gc_cron)
    from prefect import serve as serve_deployments

    from flows.operations.deployments import deployments

    made = deployments(name, config, url, folder, schedule, spread=False)
    for deployment in made:
        say(f"{deployment.flow_name}/{deployment.name}")
    _tell(folder, f"{made[0].flow_name}/{made[0].name}")
    serve_deployments(*made, print_starting_message=False)
    return DONE


def deploy(
    config: Path,
    *,
    pool: str = "uwm",
    backbone_pool: str = "uwm-backbones",
    store: StoreOption = STORE,
    out: NamedOutOption = None,
    cron: _Cron = _WEEKLY,
    gc_cron: _GcCron = _NIGHTLY,
) -> int:
    """Register a zoo's re-audit for the workers of a pool, one run per backbone.

    docs/workers.md says how to start a server and workers.

    For example:

        uwm deploy mine.yaml --cron never

    Parameters
    ----------
    config
        the YAML file of the audit; workers read it at each run, and reach its models and data.
    pool
        the work pool of the schedule and of the clearing.
    backbone_pool
        the work pool of backbones, another one; its workers may have GPUs.
    """
    name, folder, url, schedule = _checked(config, store, out, cron, gc_cron)
    from flows.operations.deployments import deploy as register
    from flows.operations.deployments import deployments

    made = deployments(name, config, url, folder, schedule, spread=True)
    names = register(made, pool, backbone_pool)
    for deployed in names:
        say(deployed)
    _tell(folder, names[0])
    return DONE


def _tell(folder: Path, deployment: str) -> None:
    say(f"results will be in {folder.resolve()}; to run it now:")
    say(f"prefect deployment run {deployment}")


def _checked(
    config: Path, store: str, out: Path | None, cron: str, gc_cron: str
) -> tuple[str, Path, str, Schedule]:
    """The audit's name, its folder and store, and the schedule."""
    from flows.audit_file.read import read_config

    name = read_config(config).name
    url = Store(store).url
    prepare_prefect()
    times = _cron(cron), _cron(gc_cron)
    from prefect.settings import PREFECT_API_URL

    if not PREFECT_API_URL.value():
        raise InputError(
            "a schedule needs a server that stays: run `prefect server start`, then set "
            "PREFECT_API_URL=http://127.0.0.1:4200/api"
        )
    from flows.operations.deployments import Schedule
    from flows.operations.server import check_server

    check_server()
    return name, out or OUT / name, url, Schedule(*times)


def _cron(text: str) -> str | None:
    from prefect.client.schemas.schedules import CronSchedule

    if text == "never":
        return None
    try:
        return CronSchedule(cron=text).cron
    except ValueError as error:
        raise InputError(
            f"a schedule is five fields of cron, such as {_WEEKLY!r} for Mondays at 3, or `never`; "
            f"got {text!r}"
        ) from error
