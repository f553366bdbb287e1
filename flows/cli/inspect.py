"""`uwm inspect`: a first look at a backbone before any method is chosen."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number
from pydantic import TypeAdapter, ValidationError

from flows.cli.audit import show_plan
from flows.cli.console import say
from flows.cli.options import (
    DONE,
    OUT,
    STORE,
    THREADS,
    PlanOption,
    RunnerOptions,
    StoreOption,
    ready,
    writable,
)
from storage.store.store import Store
from uwm.config import AuditConfig
from uwm.config.grids import numbers
from uwm.config.settings import Factor
from uwm.errors import InputError

if TYPE_CHECKING:
    from flows.inspection.flow import AlphaSweep
    from flows.plan.plan import Plan

_MOST = 101
_FACTORS: TypeAdapter[tuple[Factor, ...]] = TypeAdapter(tuple[Factor, ...])


def inspect(
    config: Path,
    *,
    backbone: str | None = None,
    layer: str | None = None,
    unit: Literal["node", "weight"] = "node",
    share: Annotated[float, Parameter(validator=Number(gt=0, lt=1))] = 0.1,
    alphas: Annotated[str, Parameter(allow_leading_hyphen=True)] = "-3:1:9",
    store: StoreOption = STORE,
    out: Path | None = None,
    runner: RunnerOptions = THREADS,
    plan: PlanOption = False,
) -> int:
    """Show how a backbone's scores are spread, and whether unsafe samples score higher.

    Of the layers that the audit's methods edit, on its calibration pairs; with --layer also what
    editing that one layer by several factors does on its validation pairs, or first benchmark.

    For example:

        uwm inspect mine.yaml
        uwm inspect mine.yaml --layer text.01.out --alphas -1,0,2
        uwm inspect mine.yaml --layer text.01.out --unit weight --alphas -3:1:9 --plan

    Parameters
    ----------
    config
        the YAML file of an audit.
    backbone
        its name in that file; the first unless given.
    layer
        one to edit, such as text.01.out.
    unit
        edit the layer's nodes, whole columns, or its weights.
    share
        of the nodes, or of the weights' score (tau).
    alphas
        factors: FROM:TO:POINTS, evenly apart, or a list such as -1,0,2; 1 is the original.
    out
        folder for the results; by default .uwm/out/NAME/BACKBONE, NAME being the audit's.
    """
    from flows.audit_file.read import only, read_config

    whole = read_config(config)
    settings = only(whole, [backbone or whole.backbones[0].name])
    (chosen,) = settings.backbones
    factors = _alphas(alphas)
    where = runner.checked()
    artifacts = Store(store, reading=plan)
    planned = partial(_planned, partial(_sweep, layer, unit, share, factors) if layer else None)
    if plan:
        return show_plan(settings, artifacts, planned)
    folder = writable(out or OUT / settings.name / chosen.name)
    ready(settings, where, artifacts, planned)
    from flows.inspection.flow import inspect_backbone, measured_on
    from flows.inspection.page import write_inspection
    from flows.stages.runners import task_runner

    sweep = _sweep(layer, unit, share, factors) if layer else None
    with task_runner(where, settings) as runs:
        inspected = inspect_backbone.with_options(task_runner=runs)
        tables = inspected(settings, chosen, artifacts.url, sweep)
    pairs = measured_on(settings).name
    for path in write_inspection(folder, settings, pairs, tables, sweep):
        say(path)
    return DONE


def _planned(
    sweep: Callable[[], AlphaSweep] | None, settings: AuditConfig, artifacts: Store
) -> Plan:
    from flows.inspection.flow import check_inspected, lay_out_inspection
    from flows.plan.plan import make_plan
    from uwm.backbones.load import load
    from uwm.backbones.locate import at_hand

    swept = sweep() if sweep else None
    (backbone,) = settings.backbones
    if at_hand(backbone):
        check_inspected(settings, load(backbone, settings.device, settings.precision), swept)
    return make_plan(
        settings, artifacts, lambda stages, known: lay_out_inspection(stages, known, swept)
    )


def _sweep(
    layer: str, unit: Literal["node", "weight"], share: float, alphas: tuple[float, ...]
) -> AlphaSweep:
    from flows.inspection.flow import AlphaSweep
    from uwm.layers import LayerId

    try:
        id = LayerId.parse(layer)
    except ValueError as error:
        raise InputError(
            f"a layer is TOWER.BLOCK.ROLE, such as text.01.out; got {layer}"
        ) from error
    return AlphaSweep(id, unit, share, alphas)


def _alphas(text: str) -> tuple[float, ...]:
    """The factors of a grid in ascending order, each once."""
    try:
        found: set[float] = {*_FACTORS.validate_python(numbers(text))}
    except (ValidationError, ValueError) as error:
        finite = f"factors are finite numbers; got {text}"
        said = finite if isinstance(error, ValidationError) else str(error)
        raise InputError(f"--alphas: {said}") from error
    if len(found) > _MOST:
        raise InputError(f"--alphas: at most {_MOST} factors; got {len(found)}")
    return tuple(sorted(found))
