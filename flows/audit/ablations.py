"""From a method that ablates directions to its edits of one tower, and to their controls."""

from __future__ import annotations

from collections.abc import Sequence

from flows.stages.inputs import Inputs
from flows.stages.stages import Stages
from tasks.ablation import AblationSpec
from uwm.config import EditMethod
from uwm.config.methods.requests import AblationPoint, Draw, StreamMeans
from uwm.families import Tower
from uwm.wording import plural


def ablations(
    stages: Stages,
    method: EditMethod,
    wanted: StreamMeans,
    tower: Tower,
    points: Sequence[AblationPoint],
    calibration: Inputs,
) -> list[AblationSpec]:
    """A tower's edits, one per point, from one pass over the calibration pairs.

    Raises:
        UnknownBlockError: the tower has no such block.
    """
    blocks = stages.blocks(tower, method.roles[tower], method.blocks_of(tower))
    means = stages.block_means(tower, calibration[tower])
    specs = [
        AblationSpec(
            means=means,
            strength=point.strength,
            orthogonal=wanted.orthogonal,
            roles=method.roles[tower],
            blocks=None if blocks is None else tuple(blocks),
        )
        for point in points
    ]
    stages.make(specs, f"{tower} · {plural(len(specs), 'ablation')}")
    return specs


def of_random_directions(
    stages: Stages, like: AblationSpec, draws: Sequence[Draw]
) -> list[AblationSpec]:
    """Controls of an ablation, one per draw."""
    specs = [like.control(draw) for draw in stages.seeded(draws)]
    stages.make(specs, f"{like.tower} · controls of {like.digest[:8]}")
    return specs
