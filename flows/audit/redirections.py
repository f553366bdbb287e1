"""From a method that redirects to its edits of one tower, and to their controls."""

from __future__ import annotations

from collections.abc import Sequence

from flows.stages.inputs import Inputs
from flows.stages.stages import Stages
from tasks.artifacts import TowerInputsSpec
from tasks.redirect import ProjectionSpec, RedirectSpec
from uwm.config import Subset, ZeroShotSet
from uwm.config.methods.requests import Draw, PairMoments, ProjectionPoint, RedirectPoint
from uwm.families import Tower
from uwm.wording import plural

_OTHER: dict[Tower, Tower] = {"image": "text", "text": "image"}


def redirect_edits(
    stages: Stages,
    wanted: PairMoments,
    tower: Tower,
    points: Sequence[RedirectPoint | ProjectionPoint],
    calibration: Inputs,
    part: Subset | None = None,
) -> Sequence[RedirectSpec | ProjectionSpec]:
    """A tower's edits, one per point, from one pass over the pairs and what must not move.

    Args:
        part: the calibration pairs to take, in place of the method's own choice.

    Raises:
        UnknownBlockError: the tower has no such block.
        UnsupportedFamilyError: it has no final projection.
    """
    kept: dict[str, TowerInputsSpec] = {
        data.name: _inputs(stages, tower, data) for data in wanted.sets
    }
    if wanted.words or wanted.phrases:
        kept["phrases"] = stages.phrases(calibration.dataset, wanted)
    subset = part or wanted.part
    counted = {"dataset": calibration.dataset, "subset": subset} if subset else {}
    kind: type[RedirectSpec | ProjectionSpec]
    made_from: dict[str, object]
    if wanted.block == "projection":
        stages.check_projection(tower)
        own, *still = stages.embeddings(tower, None, [calibration[tower], *kept.values()])
        (other,) = stages.embeddings(_OTHER[tower], None, [calibration[_OTHER[tower]]])
        kind = ProjectionSpec
        made_from = {"embedded": own, "preserved": tuple(still), "other": other}
    else:
        pooled, *others = (
            stages.pooled(tower, wanted.block, found, name)
            for name, found in {"pairs": calibration[tower], **kept}.items()
        )
        kind = RedirectSpec
        made_from = {"pooled": pooled, "preserved": tuple(others)}
    specs = [kind.model_validate({**made_from, **point._asdict(), **counted}) for point in points]
    what = f"{tower} · {plural(len(specs), 'point')}" + (f" · {subset}" if subset else "")
    stages.make(specs, what)
    return specs


def misdirections(
    stages: Stages, like: RedirectSpec | ProjectionSpec, draws: Sequence[Draw]
) -> Sequence[RedirectSpec | ProjectionSpec]:
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
