"""`uwm sweep`: grids of settings from one capture."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from flows.cli.audit import tell_plan
from flows.cli.options import (
    DONE,
    FAILED,
    OUT,
    STORE,
    OutOption,
    StoreOption,
    fetch,
    prepare_prefect,
    runner_of,
    writable,
)
from storage.store.store import Store
from uwm.config import AuditConfig, RunnerKind, SweepSettings
from uwm.errors import InputError


def sweep(
    config: Path,
    *,
    kind: Literal["uwm", "neurons"] | None = None,
    tau: str | None = None,
    share: str | None = None,
    alpha: str | None = None,
    towers: Literal["cross", "same"] | None = None,
    sizes: list[int] | None = None,
    controls: int | None = None,
    backbone: list[str] | None = None,
    store: StoreOption = STORE,
    out: OutOption | None = None,
    runner: RunnerKind = "threads",
    workers: int | None = None,
    plan: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Measure grids of settings: tau, alpha, roles, scores, calibration sizes, per tower.

    One capture serves all of them, and each edit of a tower is run over the data once: 20 edits of
    either tower are 40 passes and 441 rows. What is done is kept; start a killed sweep again and it
    goes on. Options here win over the file's `sweep:`.

    Parameters
    ----------
    config
        the YAML file of an audit; its first benchmark and its zero-shot sets are measured.
    kind
        what makes the edits; `uwm` unless the file says otherwise.
    tau
        shares of the score for `uwm`: 0.02,0.05, FROM:TO:POINTS or FROM:TO:POINTS:log.
    share
        shares of the nodes for `neurons`, written likewise.
    alpha
        factors, written likewise, such as -1:1:9.
    towers
        `cross` pairs every image edit with every text edit, `same` those at the same place.
    sizes
        calibration pairs per concept.
    controls
        random edits beside every edit of a tower.
    backbone
        only these.
    out
        defaults to .uwm/out/NAME-sweep, NAME being the audit's.
    plan
        only say what would be computed and written, as `uwm plan` does of an audit.
    """
    from flows.audit_file.read import check_sweep, only, read_config

    whole = read_config(config)
    settings = only(whole, backbone)
    partial = len(settings.backbones) < len(whole.backbones)
    given = {"kind": kind, "tau": tau, "share": share, "alpha": alpha, "towers": towers}
    wanted = _wanted(settings, {**given, "sizes": sizes, "controls": controls})
    check_sweep(settings, wanted)
    artifacts = Store(store, reading=plan)
    if plan:
        return tell_plan(settings, artifacts, wanted)
    folder = writable(out or OUT / f"{settings.name}-sweep")
    fetch(settings)
    prepare_prefect()
    from flows.plan.plan import check_room, make_plan
    from flows.stages.runners import check_runner
    from flows.sweep.flow import sweep as sweep_flow
    from flows.sweep.page import print_sweep, write_page

    where = runner_of(runner, workers)
    check_runner(where)
    check_room(make_plan(settings, artifacts, wanted), artifacts)
    results = sweep_flow(settings, wanted, artifacts.url, str(folder), where, partial=partial)
    write_page(folder / "sweep.html", results, config)
    console = Console(width=None if sys.stdout.isatty() else 160)
    print_sweep(console, results)
    for name in ("sweep.parquet", "sweep.json", "sweep.html"):
        console.print(f"{folder / name}", soft_wrap=True, highlight=False)
    return FAILED if results.failures else DONE


def _wanted(config: AuditConfig, given: dict[str, Any]) -> SweepSettings:
    """The file's sweep with what was given on the command line in its place."""
    said = {key: value for key, value in given.items() if value is not None}
    base = config.sweep.model_dump(exclude_unset=True) if config.sweep else {}
    if not base and not said:
        raise InputError(
            "this file has no `sweep:`; add one, or say what to try, such as --tau 0.01:0.2:10"
        )
    if base.get("kind") != said.get("kind", base.get("kind")):
        base = {}  # the other kind's scores and shares mean nothing here
    content = {"kind": "uwm", **base, **said}
    try:
        found: SweepSettings = TypeAdapter(SweepSettings).validate_python(content)
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, part['loc'][1:]))}: {part['msg'].removeprefix('Value error, ')}"
            for part in error.errors()
        ]
        raise InputError("\n  ".join(["this cannot be swept:", *lines])) from error
    return found
