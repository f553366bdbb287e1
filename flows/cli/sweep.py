"""`uwm sweep`: grids of settings from one capture."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import TypeAdapter, ValidationError

from flows.cli.audit import show_plan
from flows.cli.console import console, say
from flows.cli.options import (
    DONE,
    FAILED,
    OUT,
    STORE,
    THREADS,
    BackboneOption,
    PlanOption,
    RunnerOptions,
    StoreOption,
    ready,
    writable,
)
from storage.store.store import Store
from uwm.config import AuditConfig, SweepSettings
from uwm.errors import InputError

if TYPE_CHECKING:
    from flows.plan.plan import Plan


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
    backbone: BackboneOption = None,
    store: StoreOption = STORE,
    out: Path | None = None,
    runner: RunnerOptions = THREADS,
    plan: PlanOption = False,
) -> int:
    """Measure grids of settings: tau, alpha, roles, scores, calibration sizes, per tower.

    One capture serves all of them, and each edit of a tower is run over the data once: 20 edits of
    each tower are 40 passes and 441 rows. What is done is kept; start a killed sweep again and it
    goes on. Options here win over the file's `sweep:`.

    For example:

        uwm sweep mine.yaml --tau 0.05 --alpha=-1:1:9 --towers same
        uwm sweep mine.yaml --tau 0.01:0.5:9:log --plan
        uwm sweep mine.yaml --kind neurons --share 0.1 --sizes 1 --controls 1

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
    out
        folder for the results; by default .uwm/out/NAME-sweep, NAME being the audit's.
    """
    from flows.audit_file.read import check_sweep, only, read_config

    whole = read_config(config)
    settings = only(whole, backbone)
    given = {"kind": kind, "tau": tau, "share": share, "alpha": alpha, "towers": towers}
    wanted = _wanted(settings, {**given, "sizes": sizes, "controls": controls})
    check_sweep(settings, wanted)
    where = runner.checked()
    artifacts = Store(store, reading=plan)
    planned = partial(_planned, wanted)
    if plan:
        return show_plan(settings, artifacts, planned)
    folder = writable(out or OUT / f"{settings.name}-sweep")
    ready(settings, where, artifacts, planned)
    from flows.sweep.flow import sweep as sweep_flow
    from flows.sweep.page import print_sweep, write_page

    some = len(settings.backbones) < len(whole.backbones)
    results = sweep_flow(settings, wanted, artifacts.url, str(folder), where, partial=some)
    write_page(folder / "sweep.html", results, config)
    print_sweep(console(), results)
    for name in ("sweep.parquet", "sweep.json", "sweep.html"):
        say(folder / name)
    return FAILED if results.failures else DONE


def _planned(wanted: SweepSettings, settings: AuditConfig, artifacts: Store) -> Plan:
    from flows.plan.plan import make_plan
    from flows.sweep.backbone import lay_out_sweep

    return make_plan(
        settings, artifacts, lambda stages, known: lay_out_sweep(stages, known, wanted)
    )


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
