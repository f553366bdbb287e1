"""`uwm runs`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from flows.cli.console import say
from flows.cli.options import (
    DONE,
    prepare_prefect,
)
from uwm.wording import plural

runs_app = App(name="runs", help="Look after runs on Prefect's server.")


@runs_app.command(name="crash-stuck")
def runs_crash_stuck(
    *,
    minutes: Annotated[float, Parameter(validator=Number(gt=0))] = 10,
    dry_run: bool = False,
) -> int:
    """Mark audits as crashed whose process was killed: the server still calls them running.

    What they completed is kept; start the audit again and it goes on from there.

    For example:

        uwm runs crash-stuck --minutes 30 --dry-run

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

    from flows.operations.runs import crash_stuck
    from flows.operations.server import check_server

    check_server()
    with get_client(sync_client=True) as client:
        found = crash_stuck(client, timedelta(minutes=minutes), datetime.now(UTC), dry_run=dry_run)
    for flow_run, heard in found:
        say(f"{flow_run.name}: silent since {heard:%Y-%m-%d %H:%M:%S} UTC ({flow_run.id})")
    say(f"{plural(len(found), 'run')} {'would be ' if dry_run else ''}marked as crashed")
    return DONE
