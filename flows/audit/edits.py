"""From a method to the edits that it makes on one backbone, and to their controls."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import pandas as pd

from flows.audit.measuring import Inputs, Towers
from flows.stages.stages import Stages
from storage.store.spec import Spec
from tasks.edit import EditSpec, LayerwiseEditSpec
from tasks.metrics import metric_plugins
from tasks.score import ScoresSpec
from uwm.config import (
    AuditConfig,
    EditMethodConfig,
    GSafeClip,
    GUnsafe,
    Layerwise,
    Neurons,
    Subset,
    Uwm,
)
from uwm.families import TOWERS, Tower


def settle(
    stages: Stages, config: AuditConfig, method: EditMethodConfig, inputs: dict[str, Inputs]
) -> tuple[Towers, pd.DataFrame | None]:
    """A method's edits: its only point, or the one chosen on the validation pairs."""
    if isinstance(method, Layerwise):
        image_edit, text_edit = (
            _layerwise(stages, config, method, tower, inputs["calibration"]) for tower in TOWERS
        )
        return (image_edit, text_edit), None
    image, text = (
        tower_edits(stages, config, method, tower, inputs["calibration"]) for tower in TOWERS
    )
    if not method.chooses:
        return (image[0], text[0]), None
    candidates = list(product([None, *image], [None, *text]))  # the original comes first
    data = inputs["validation"]
    # A tower that is not edited has the single candidate None.
    candidates = list(dict.fromkeys(candidates))
    images = {edit: stages.embeddings("image", edit, [data.image])[0] for edit, _ in candidates}
    texts = {edit: stages.embeddings("text", edit, [data.text])[0] for _, edit in candidates}
    embedded = [(images[image], texts[text]) for image, text in candidates]
    metrics = metric_plugins(config.metrics)
    choice = stages.choice(embedded, config.choice.max_loss, method.name, metrics)
    table = stages.chosen(choice)
    for tower, position in (("image", 0), ("text", 1)):
        for column, name in (("share", "share"), ("alpha", "alpha")):
            table.insert(
                0,
                f"{tower}_{name}",
                [getattr(pair[position], column, float("nan")) for pair in candidates],
            )
    return candidates[int(table["chosen"].to_numpy().argmax())], table


def _layerwise(
    stages: Stages, config: AuditConfig, method: Layerwise, tower: Tower, calibration: Inputs
) -> LayerwiseEditSpec | None:
    """A tower's edit, None where no layer of it is named."""
    layers = method.layers(tower)
    if not layers:
        return None
    scores = layerwise_scores(stages, config, method, tower, calibration)
    (edit,) = stages.layerwise_edits(scores, method.rule, [layers])
    return edit


def layerwise_scores(
    stages: Stages, config: AuditConfig, method: Layerwise, tower: Tower, calibration: Inputs
) -> ScoresSpec:
    """What a tower's layers of that method are selected by."""
    captured = config.captured_roles(tower, method.base)
    reads = getattr(calibration, tower)
    statistics = stages.statistics(tower, captured, reads, peaks=config.peaks)
    weights = method.unit == "weight"
    prior = weights and getattr(method.prior, tower)
    roles = getattr(method.roles, tower)
    return stages.scores(statistics, method.unit, method.score, roles, prior=prior)


def tower_edits(
    stages: Stages,
    config: AuditConfig,
    method: Uwm | Neurons | GUnsafe | GSafeClip,
    tower: Tower,
    calibration: Inputs,
    points: Sequence[tuple[float, float]] | None = None,
) -> Sequence[EditSpec | None]:
    """A tower's edits, one per point of the method's grid; None where the tower is left alone.

    Args:
        points: other ones than the grid's.
    """
    points = method.points(tower) if points is None else points
    if not points:
        return [None]
    roles, blocks = getattr(method.roles, tower), getattr(method.blocks, tower)
    edited = stages.blocks(tower, roles, blocks)
    reads: dict[Tower, Spec] = {"image": calibration.image, "text": calibration.text}
    if isinstance(method, GUnsafe | GSafeClip):
        gradients = stages.gradient_scores(method.kind, tower, roles, reads, method.batch_size)
        rule = getattr(method.selection, tower)
        return stages.edits(gradients, rule, points, blocks=edited)
    captured = config.captured_roles(tower, method.base)
    statistics = stages.statistics(tower, captured, reads[tower], peaks=config.peaks)
    part = (calibration.dataset, method.part) if method.part else None
    match method:
        case Uwm():
            prior = getattr(method.prior, tower)
            scores = stages.scores(
                statistics, "weight", method.score, roles, prior=prior, part=part
            )
            return stages.edits(scores, method.selection, points, blocks=edited)
        case Neurons():
            scores = stages.scores(statistics, "node", method.score, roles, part=part)
            return stages.edits(scores, "nodes", points, method.scope, edited)


def rescored(
    stages: Stages,
    config: AuditConfig,
    calibration: Inputs,
    method: Uwm | Neurons,
    edits: Towers,
    part: Subset,
) -> Towers:
    """A method's edits at the same points, made from a part of the calibration set."""
    method = method.model_copy(update={"part": part})
    image, text = (
        tower_edits(
            *(stages, config, method, tower, calibration),
            points=[(edit.share, edit.alpha)] if isinstance(edit, EditSpec) else [],
        )[0]
        for tower, edit in zip(TOWERS, edits, strict=True)
    )
    return image, text


def controls(stages: Stages, edits: Towers, seeds: int) -> list[Towers]:
    """Random edits as large as `edits`, per seed; none where the method edits nothing."""
    drawn = [
        stages.random_edits(like, seeds)
        if isinstance(like, EditSpec | LayerwiseEditSpec)
        else [None] * seeds
        for like in edits
    ]
    return list(zip(*drawn, strict=True)) if any(edits) else []
