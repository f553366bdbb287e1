"""From a method that redirects to its edits of one tower, and to their controls."""

from __future__ import annotations

from collections.abc import Sequence

from flows.stages.inputs import Inputs
from flows.stages.stages import Stages
from tasks.artifacts import TowerInputsSpec
from tasks.redirect import RedirectSpec
from uwm.config import Subset, ZeroShotSet
from uwm.config.methods.requests import Draw, PairMoments, RedirectPoint
from uwm.families import Tower
from uwm.wording import plural


def redirect_edits(
    stages: Stages,
    wanted: PairMoments,
    tower: Tower,
    points: Sequence[RedirectPoint],
    calibration: Inputs,
    part: Subset | None = None,
) -> list[RedirectSpec]:
    """A tower's edits, one per point, from one pass over the pairs and what must not move.

    Args:
        part: the calibration pairs to take, in place of the method's own choice.

    Raises:
        UnknownBlockError: the tower has no such block.
    """
    pooled = stages.pooled(tower, wanted.block, calibration[tower], "pairs")
    kept: dict[str, TowerInputsSpec] = {
        data.name: _inputs(stages, tower, data) for data in wanted.sets
    }
    if wanted.words or wanted.phrases:
        kept["phrases"] = stages.phrases(calibration.dataset, wanted)
    preserved = [stages.pooled(tower, wanted.block, found, name) for name, found in kept.items()]
    subset = part or wanted.part
    specs = [
        RedirectSpec(
            pooled=pooled,
            preserved=tuple(preserved),
            **point._asdict(),
            dataset=calibration.dataset if subset else None,
            subset=subset,
        )
        for point in points
    ]
    what = f"{tower} · {plural(len(specs), 'point')}" + (f" · {subset}" if subset else "")
    stages.make(specs, what)
    return specs


def misdirections(stages: Stages, like: RedirectSpec, draws: Sequence[Draw]) -> list[RedirectSpec]:
    """Controls of a redirection, one per draw."""
    specs = [like.control(draw) for draw in stages.seeded(draws)]
    stages.make(specs, f"{like.tower} · controls of {like.digest[:8]}")
    return specs


def _inputs(stages: Stages, tower: Tower, data: ZeroShotSet) -> TowerInputsSpec:
    """What a tower reads of a zero-shot set."""
    datasets = stages.datasets([data])
    if tower == "image":
        return stages.pixels(datasets)[0]
    return stages.tokens(datasets)[0]
