"""Which points to measure next: children of the best so far, by Optuna's NSGA-II.

Every generation has a sampler of its own, seeded, which sees the points measured so far and nothing
else: it needs no state from one generation to the next, so that a killed search goes on with the
very points that it would have proposed.

Not TPE, Optuna's default: it models parameter by parameter, and where every point so far edits a
layer it asks again and again for points that leave all layers alone.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from types import ModuleType

from uwm.errors import InputError, install
from uwm.search.pareto import Measured, best
from uwm.search.space import Point, Space

_PARENTS = 8
"""At least so many points are bred from."""
_MUTATIONS = 4
"""Parameters that are drawn anew in a child, on average."""
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
    held = [
        (parameters, value)
        for point, value in zip(points, values, strict=True)
        if (parameters := space.parameters(point)) is not None
    ]
    chosen = best([value for _, value in held], max(_PARENTS, count))
    parents = [held[index] for index in chosen]
    sampler = optuna.samplers.NSGAIISampler(
        population_size=max(2, len(parents)),
        mutation_prob=min(1.0, _MUTATIONS / len(parents[0][0])),
        seed=seed,
    )
    study = optuna.create_study(directions=["maximize", "maximize"], sampler=sampler)
    for parameters, value in parents:  # one full generation, from which the next is bred
        study.enqueue_trial(parameters)
        trial = study.ask()
        space.suggest(trial)
        study.tell(trial, list(value))
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


def _optuna() -> ModuleType:
    try:
        import optuna
    except ImportError as error:
        raise InputError(
            f"uwm search needs the package {error.name}; {install('search')}"
        ) from error
    optuna.logging.set_verbosity(logging.WARNING)
    return optuna
