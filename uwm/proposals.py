"""Which points to measure next, by Optuna's multi-objective TPE.

Every generation has a sampler of its own, seeded, which sees the points measured so far and nothing
else: it needs no state from one generation to the next, so that a killed search goes on with the
very points that it would have proposed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from uwm.errors import InputError
from uwm.search import Measured, Point, Space

if TYPE_CHECKING:
    from optuna import trial as optuna_trial

EXTRA = "pip install 'uwm[search]'"
_TRIES = 10
"""Points that may turn out to be known ones, for each that is asked for."""


def optuna_version() -> str:
    """The version of Optuna, on which proposals depend.

    Raises:
        InputError: it is not installed.
    """
    version: str = _optuna().__version__
    return version


def propose(
    space: Space,
    points: Sequence[Point],
    values: Sequence[Measured],
    count: int,
    seed: int,
) -> list[Point]:
    """At most `count` points that are none of `points`, given what these were measured at.

    Fewer, or none, where the space is so small that new ones are hardly found.

    Raises:
        InputError: Optuna is not installed.
    """
    optuna = _optuna()
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=0, constant_liar=True)
    study = optuna.create_study(directions=["maximize", "maximize"], sampler=sampler)
    for point, value in zip(points, values, strict=True):
        if (told := _trial(space, point, value)) is not None:
            study.add_trial(told)
    known, found = list(points), list[Point]()
    for _ in range(_TRIES * count):
        if len(found) == count:
            break
        trial = study.ask()
        point = space.suggest(trial)
        if point in known:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            continue
        known.append(point)
        found.append(point)
    return found


def _trial(space: Space, point: Point, value: Measured) -> optuna_trial.FrozenTrial | None:
    """A measured point as the sampler sees it, None for one that its space does not hold."""
    optuna = _optuna()
    parameters = space.parameters(point)
    if parameters is None:
        return None
    fixed = optuna.trial.FixedTrial(parameters)
    space.suggest(fixed)
    told: optuna_trial.FrozenTrial = optuna.trial.create_trial(
        params=fixed.params, distributions=fixed.distributions, values=list(value)
    )
    return told


def _optuna() -> ModuleType:
    try:
        import optuna
    except ImportError as error:
        raise InputError(f"uwm search needs the package {error.name}: {EXTRA}") from error
    optuna.logging.set_verbosity(logging.WARNING)
    return optuna
