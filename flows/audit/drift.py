"""Calibration drift: edits made anew from parts of the calibration set, and how far they agree.

All from stored statistics: no tower runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import TYPE_CHECKING

from flows.audit.held_out import Rescored
from flows.stages.data import identify
from flows.stages.stages import Stages
from storage.store.spec import Spec
from tasks.datasets import DatasetSpec
from tasks.drift import AgreementSpec, Comparison
from uwm.config import AuditConfig, Drift, Subset
from uwm.errors import InputError
from uwm.families import TOWERS

if TYPE_CHECKING:
    from flows.audit.measuring import Towers

DRIFT = "drift"
"""The name of the table."""
_ALL = Subset()


def lay_out_drift(
    stages: Stages,
    config: AuditConfig,
    settled: Mapping[str, Towers],
    rescored: Rescored,
    calibration: DatasetSpec,
) -> list[tuple[str, Spec]]:
    """Submit what the section asks for; a spec per method and tower that is edited.

    Raises:
        InputError: a size is that of the whole calibration set.
    """
    if config.drift is None:
        return []
    _check_sizes(config, config.drift)
    compared = list(_compared(config.drift, config.seed))
    parts = dict.fromkeys(part for _, first, second in compared for part in (first, second))
    found: list[tuple[str, Spec]] = []
    for method in config.rescored_methods:
        if config.drift.methods and method.name not in config.drift.methods:
            continue
        edits = settled[method.name]
        made = {
            part: edits if part == _ALL else rescored(method, edits, part)
            for part in (parts if any(edits) else ())
        }
        for position, tower in enumerate(TOWERS):
            if edits[position] is None:
                continue
            own = {part: edit for part, both in made.items() if (edit := both[position])}
            spec = AgreementSpec.of(
                tower,
                calibration,
                [
                    Comparison(
                        compared=what,
                        first=own[first].digest,
                        second=own[second].digest,
                        first_part=first,
                        second_part=second,
                    )
                    for what, first, second in compared
                ],
            )
            stages.agreement(spec, method.name, [calibration, *own.values()])
            found.append((method.name, spec))
    return found


def _compared(drift: Drift, seed: int) -> Iterator[tuple[str, Subset, Subset]]:
    """What is compared with what: a name for it, and two parts."""
    seeds = range(seed, seed + drift.seeds)
    if drift.halves:
        for one in seeds:
            yield "halves", Subset(half="first", seed=one), Subset(half="second", seed=one)
    for size in drift.sizes:
        parts = [Subset(per_concept=size, seed=one) for one in seeds]
        for first, second in combinations(parts, 2):
            yield f"{size} per concept, two draws", first, second
        for part in parts:
            yield f"{size} per concept, with all", part, _ALL


def _check_sizes(config: AuditConfig, drift: Drift) -> None:
    counts = identify(config.calibration, config.seed)[0].rows["concept"].value_counts()
    if whole := [size for size in drift.sizes if size >= counts.max()]:
        raise InputError(
            f"drift compares parts of calibration {config.calibration.name}, which has at most "
            f"{counts.max()} pairs per concept; {', '.join(map(str, whole))} is all of it"
        )
    if drift.halves and counts.max() < 2:
        raise InputError(
            f"calibration {config.calibration.name} has one pair per concept, which has no halves"
        )
