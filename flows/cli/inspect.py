"""`uwm inspect`: a first look at a backbone before any method is chosen."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from flows.cli.options import DONE, OUT, STORE, OutOption, StoreOption, prepare_prefect, writable
from storage.store.store import Store
from uwm.config import AuditConfig, BackboneConfig
from uwm.errors import InputError

if TYPE_CHECKING:
    from flows.inspection.flow import AlphaSweep

_MOST = 101


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
        factors: FROM:TO:COUNT, evenly spread, or a list such as -1,0,2.
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
    """FROM:TO:COUNT or a list, as factors in ascending order, each once."""
    try:
        if ":" in text:
            first, last, count = text.split(":")
            low, high, steps = float(first), float(last), int(count) - 1
            found = [low + (high - low) * step / steps for step in range(steps + 1)]
        else:
            found = [float(part) for part in text.split(",")]
    except (ValueError, ZeroDivisionError):
        found = []
    if not 0 < len(found) <= _MOST or not all(map(math.isfinite, found)):
        raise InputError(
            f"factors are FROM:TO:COUNT with a COUNT of 2 to {_MOST}, or a list such as -1,0,2; "
            f"got {text}"
        )
    return tuple(sorted(set(found)))
