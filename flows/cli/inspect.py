"""`uwm inspect`: a first look at a backbone before any method is chosen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number
from pydantic import TypeAdapter, ValidationError

from flows.cli.options import DONE, OUT, STORE, OutOption, StoreOption, prepare_prefect, writable
from storage.store.store import Store
from uwm.config import AuditConfig, BackboneConfig
from uwm.config.grids import numbers
from uwm.config.settings import Factor
from uwm.errors import InputError

if TYPE_CHECKING:
    from flows.inspection.flow import AlphaSweep

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
    out: OutOption | None = None,
) -> int:
    """Show how a backbone's scores are spread, and whether unsafe samples score higher.

    Of the layers that the audit's methods edit, on its calibration pairs; with --layer also what
    editing that one layer by several factors does on its validation pairs, or first benchmark.

    Parameters
    ----------
    config
        the YAML file of an audit.
    backbone
        its name in that file; the first unless given.
    layer
        one to edit, such as text.03.fc2.
    unit
        edit the layer's nodes, whole columns, or its weights.
    share
        of the nodes, or of the weights' score (tau).
    alphas
        factors: FROM:TO:POINTS, evenly apart, or a list such as -1,0,2; 1 is the original.
    out
        defaults to .uwm/out/NAME/BACKBONE, NAME being the audit's.
    """
    from flows.audit_file.read import read_config

    settings = read_config(config)
    chosen = _backbone(settings, backbone)
    factors = _alphas(alphas)
    folder = writable(out or OUT / settings.name / chosen.name)
    prepare_prefect()
    from uwm.backbones.locate import locate

    locate(chosen)
    from flows.inspection.flow import inspect_backbone, measured_on
    from flows.inspection.page import write_inspection

    sweep = _sweep(layer, unit, share, factors) if layer else None
    tables = inspect_backbone(settings, chosen, Store(store).url, sweep)
    pairs = measured_on(settings).name
    for path in write_inspection(folder, settings.name, pairs, tables, sweep):
        print(path)
    return DONE


def _backbone(config: AuditConfig, name: str | None) -> BackboneConfig:
    named = {backbone.name: backbone for backbone in config.backbones}
    if name is None:
        return config.backbones[0]
    if name not in named:
        raise InputError(f"the audit has the backbones {', '.join(named)}; got {name}")
    return named[name]


def _sweep(
    layer: str, unit: Literal["node", "weight"], share: float, alphas: tuple[float, ...]
) -> AlphaSweep:
    from flows.inspection.flow import AlphaSweep
    from uwm.layers import LayerId

    try:
        id = LayerId.parse(layer)
    except ValueError as error:
        raise InputError(
            f"a layer is TOWER.BLOCK.ROLE, such as text.03.fc2; got {layer}"
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
