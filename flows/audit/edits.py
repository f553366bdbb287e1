"""From a method to the edits that it makes on one backbone, and to their controls."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from flows.audit.ablations import ablations, of_random_directions
from flows.audit.choices import choose_pair
from flows.audit.redirections import misdirections, redirect_edits
from flows.stages.inputs import Inputs, Towers
from flows.stages.stages import Stages
from tasks.ablation import AblationSpec
from tasks.artifacts import LayerScoresSpec, TowerEditSpec
from tasks.capture import StatisticsSpec
from tasks.edit import EditSpec, LayerwiseEditSpec, ScoredEditSpec
from tasks.redirect import ProjectionSpec, RedirectSpec
from uwm.config import AuditConfig, EditMethod, Subset
from uwm.config.methods.requests import (
    AblationPoint,
    AnyPoint,
    ComputedScore,
    Draw,
    EditPoint,
    GradientScore,
    LayerPoints,
    PairMoments,
    ProjectionPoint,
    RedirectPoint,
    StatisticsScore,
    StreamMeans,
)
from uwm.families import TOWERS, Tower

_Edited = ScoredEditSpec | RedirectSpec | ProjectionSpec | AblationSpec
"""An edit of a tower by a method, which is not a control's."""
_Point = EditPoint | RedirectPoint | ProjectionPoint | AblationPoint


def settle(
    stages: Stages, config: AuditConfig, method: EditMethod, inputs: dict[str, Inputs]
) -> tuple[Towers, pd.DataFrame | None]:
    """A method's edits: its only point, or the one chosen on the validation pairs."""
    image, text = (
        tower_edits(stages, config, method, tower, inputs["calibration"]) for tower in TOWERS
    )
    if not method.chooses:
        return (image[0], text[0]), None
    data = inputs["validation"]
    tried: dict[Tower, list[_Edited]] = {
        tower: [edit for edit in edits if edit is not None]  # of a tower that is left alone
        for tower, edits in zip(TOWERS, (image, text), strict=True)
    }
    return choose_pair(
        *(stages, config, method.name, tried),
        lambda tower, edit: stages.embeddings(tower, edit, [data[tower]])[0],
        lambda edit: next((point._asdict() for point in _points(edit)), {}),
        data,
    )


def tower_scores(
    stages: Stages,
    config: AuditConfig,
    method: EditMethod,
    tower: Tower,
    calibration: Inputs,
    part: Subset | None = None,
) -> LayerScoresSpec:
    """What a tower's weights or nodes are selected by.

    Args:
        part: the calibration pairs to score with, in place of the method's own choice.
    """
    roles = method.roles[tower]
    match method.request(tower):
        case GradientScore(loss=loss, batch_size=batch_size):
            reads = {whose: calibration[whose] for whose in TOWERS}
            return stages.gradient_scores(loss, tower, roles, reads, batch_size)
        case ComputedScore() as wanted:
            return stages.computed_scores(wanted, tower, roles, calibration[tower])
        case StatisticsScore() as wanted:
            captured = config.captured_roles(tower, method.base)
            statistics = stages.statistics(tower, captured, calibration[tower])
            subset = part or wanted.part
            return stages.scores(
                statistics,
                wanted.unit,
                wanted.score,
                roles,
                prior=wanted.prior,
                part=(calibration.dataset, subset) if subset else None,
                spared=wanted.spared,
            )
        case PairMoments() | StreamMeans():
            raise TypeError(f"{method.name} has no scores")


def tower_edits(
    stages: Stages,
    config: AuditConfig,
    method: EditMethod,
    tower: Tower,
    calibration: Inputs,
    points: Sequence[AnyPoint] | None = None,
    part: Subset | None = None,
) -> Sequence[_Edited | None]:
    """A tower's edits, one per point; None where the tower is left alone.

    Args:
        points: other ones than the method's, all of one sort.
        part: as of `tower_scores`.
    """
    points = method.points(tower) if points is None else points
    if not points:
        return [None]
    wanted, selected_by = method.request(tower), method.selected_by(tower)
    if isinstance(wanted, PairMoments):
        led = [point for point in points if isinstance(point, RedirectPoint | ProjectionPoint)]
        return redirect_edits(stages, wanted, tower, led, calibration, part)
    if isinstance(wanted, StreamMeans):
        ablated = [point for point in points if isinstance(point, AblationPoint)]
        return ablations(stages, method, wanted, tower, ablated, calibration)
    if selected_by is None:
        raise TypeError(f"{method.name} asks for scores and does not say what it selects by them")
    rule, scope = selected_by
    blocks = stages.blocks(tower, method.roles[tower], method.blocks_of(tower))
    scores = tower_scores(stages, config, method, tower, calibration, part)
    whole = [point for point in points if isinstance(point, EditPoint)]
    by_layer = [point.layers for point in points if isinstance(point, LayerPoints)]
    return [
        *(stages.edits(scores, rule, whole, scope, blocks) if whole else ()),
        *(stages.layerwise_edits(scores, rule, by_layer) if by_layer else ()),
    ]


def rescored(
    stages: Stages,
    config: AuditConfig,
    calibration: Inputs,
    method: EditMethod,
    edits: Towers,
    part: Subset,
) -> Towers:
    """A method's edits at the same points, made from a part of the calibration set."""
    image, text = (
        tower_edits(
            *(stages, config, method, tower, calibration),
            points=_points(edit),
            part=part,
        )[0]
        for tower, edit in zip(TOWERS, edits, strict=True)
    )
    return image, text


def _points(edit: TowerEditSpec | None) -> list[_Point]:
    """The one point that makes an edit; none for those that no single point makes."""
    if isinstance(edit, EditSpec):
        return [EditPoint(edit.share, edit.alpha)]
    if isinstance(edit, RedirectSpec):
        return [RedirectPoint(edit.strength, edit.keep, edit.ridge)]
    if isinstance(edit, ProjectionSpec):
        return [ProjectionPoint(edit.strength, edit.keep, edit.ridge, edit.push)]
    if isinstance(edit, AblationSpec):
        return [AblationPoint(edit.strength)]
    return []


def controls(
    stages: Stages,
    config: AuditConfig,
    method: EditMethod,
    edits: Towers,
    draws: Sequence[Draw],
    calibration: Inputs,
) -> list[Towers]:
    """Edits as large as a method's `edits`, per draw; none where it edits nothing."""
    drawn: list[Sequence[TowerEditSpec | None]] = []
    for tower, like in zip(TOWERS, edits, strict=True):
        if isinstance(like, RedirectSpec | ProjectionSpec):
            drawn.append(misdirections(stages, like, draws))
            continue
        if isinstance(like, AblationSpec):
            drawn.append(of_random_directions(stages, like, draws))
            continue
        if not isinstance(like, EditSpec | LayerwiseEditSpec):
            drawn.append([None] * len(draws))
            continue
        statistics: Sequence[StatisticsSpec] = ()
        if any(draw.by == "contribution" for draw in draws):
            captured = config.captured_roles(tower, method.base)
            statistics = stages.statistics(tower, captured, calibration[tower])
        drawn.append(stages.control_edits(like, draws, statistics))
    return list(zip(*drawn, strict=True)) if any(edits) else []
