"""Mask selection and the edit it makes, or a control of the same size."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from torch import Tensor

from storage.formats.scores import read_scores
from storage.store.spec import Input
from storage.store.store import Store
from tasks.artifacts import LayerScoresSpec, TowerEditSpec
from tasks.capture import StatisticsSpec, read_statistics
from tasks.cost import Cost, score_shapes
from tasks.stage import stage
from uwm.backbones.backbone import Backbone
from uwm.config import Scope
from uwm.config.methods.requests import Draw, Rule
from uwm.families import Tower
from uwm.layers import LayerId, find_layers
from uwm.method.controls import Loudness, select_control
from uwm.method.edit_files import read_edit, write_edit
from uwm.method.editing import make_edit
from uwm.method.selection import Selection, select_by_layer, select_layers


def _ordered(blocks: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(blocks))


def _named(layers: object) -> object:
    if not isinstance(layers, Mapping):
        return layers
    return tuple((str(id), *point) for id, point in sorted(layers.items()))


class EditSpec(TowerEditSpec):
    """What share of which scores to select, and the factor to multiply by.

    Attributes:
        scope: see `uwm.method.selection.select_layers`.
        blocks: the tower's blocks to edit; None for all that are scored.
    """

    scores: Input[LayerScoresSpec]
    rule: Rule
    share: float
    alpha: float
    scope: Scope = "block"
    blocks: Annotated[tuple[int, ...], AfterValidator(_ordered)] | None = None

    @property
    def tower(self) -> Tower:
        return self.scores.tower

    def plan(self, scores: Mapping[LayerId, Tensor]) -> tuple[Selection, float]:
        """Which indices of which layers, and the factor."""
        held = {
            id: found
            for id, found in scores.items()
            if self.blocks is None or id.block in self.blocks
        }
        return select_layers(self.rule, held, self.share, self.scope), self.alpha


class LayerwiseEditSpec(TowerEditSpec):
    """A share and a factor for every layer by itself.

    Attributes:
        layers: name of a layer, share and factor of each, or share and factor by layer; a layer
            that is not named stays.
    """

    scores: Input[LayerScoresSpec]
    rule: Rule
    layers: Annotated[tuple[tuple[str, float, float], ...], BeforeValidator(_named)]

    @property
    def tower(self) -> Tower:
        return self.scores.tower

    def plan(self, scores: Mapping[LayerId, Tensor]) -> tuple[Selection, dict[LayerId, float]]:
        """As `EditSpec.plan`, with a factor per layer."""
        points = {LayerId.parse(name): (share, alpha) for name, share, alpha in self.layers}
        return select_by_layer(self.rule, scores, points)


class ControlEditSpec(TowerEditSpec):
    """As many weights (or nodes) per layer as edit `like`, selected without its scores.

    Attributes:
        statistics: those of the inputs of its layers; for a draw of equal contribution.
    """

    like: Input[ScoredEditSpec]
    draw: Draw
    statistics: tuple[Input[StatisticsSpec], ...] = ()

    @property
    def tower(self) -> Tower:
        return self.like.tower


ScoredEditSpec = EditSpec | LayerwiseEditSpec


AnyEditSpec = ScoredEditSpec | ControlEditSpec


def _cost(spec: AnyEditSpec, backbone: Backbone) -> Cost:
    if isinstance(spec, ControlEditSpec):
        return _cost(spec.like, backbone)
    return Cost(lambda: 8 * _selected(spec, backbone))


def _selected(spec: ScoredEditSpec, backbone: Backbone) -> int:
    """At most: the smallest set with a share of the score has at most that share of weights."""
    scores = spec.scores
    shapes = score_shapes(backbone, scores.tower, scores.roles, scores.unit)
    sizes = [math.prod(shape) for shape in shapes]
    if isinstance(spec, EditSpec):
        return sum(max(1, math.ceil(spec.share * size)) for size in sizes)
    return sum(max(1, math.ceil(share * max(sizes))) for _, share, _ in spec.layers)


@stage(EditSpec, LayerwiseEditSpec, ControlEditSpec, cost=_cost)
def edit(specs: Sequence[AnyEditSpec], store: Store, backbone: Backbone) -> None:
    """Select by score (or as a control) and write the edit."""
    for spec in specs:

        def build(folder: Path) -> None:
            selection: Selection
            alpha: float | Mapping[LayerId, float]
            if isinstance(spec, ControlEditSpec):
                like = read_edit(store.path(spec.like))
                loudness = _loudness(store, backbone, spec, like.layers)
                selection = select_control(like, backbone.model, spec.draw, loudness)
                alpha = {id: layer.alpha for id, layer in like.layers.items()}
                (unit,) = {layer.unit for layer in like.layers.values()}
            else:
                scores, _ = read_scores(store.path(spec.scores))
                selection, alpha = spec.plan(scores)
                unit = "node" if spec.rule == "nodes" else "weight"
            made = make_edit(backbone.model, spec.tower, selection, alpha, unit)
            write_edit(folder, made, {"spec": spec.model_dump_json()})

        with backbone.locks[spec.tower]:
            store.make(spec, build)


def _loudness(
    store: Store, backbone: Backbone, spec: ControlEditSpec, edited: Collection[LayerId]
) -> dict[LayerId, Tensor]:
    """How strongly the inputs of the edited layers fire on the calibration pairs."""
    statistics = read_statistics(store, spec.statistics)
    found = {}
    for layer in find_layers(backbone.model, spec.tower):
        if layer.id in edited and layer.input in statistics:
            loudness = Loudness(layer.weight(backbone.model).shape[1])
            for arrays in statistics[layer.input]:
                for chunk in arrays.chunks():
                    loudness.update(*arrays.read(layer.input, chunk))
            found[layer.id] = loudness.result()
    return found
