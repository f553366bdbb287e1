"""Mask selection and the edit it makes, or a control of the same size."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from storage.formats.scores import read_scores
from storage.store.spec import Spec
from storage.store.store import Store
from tasks.capture import StatisticsSpec, read_statistics
from tasks.cost import free
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

if TYPE_CHECKING:
    from tasks.computed import ComputedScoresSpec
    from tasks.gradients import GradientScoresSpec
    from tasks.score import ScoresSpec

    AnyScores = ScoresSpec | GradientScoresSpec | ComputedScoresSpec


class EditSpec(Spec):
    """What share of which scores to select, and the factor to multiply by.

    Attributes:
        scope: see `uwm.method.selection.select_layers`.
        blocks: the tower's blocks to edit; None for all that are scored.
    """

    kind: ClassVar[str] = "edits"
    tower: Tower
    scores: str
    rule: Rule
    share: float
    alpha: float
    scope: Scope = "block"
    blocks: tuple[int, ...] | None = None

    @classmethod
    def of(
        cls,
        scores: AnyScores,
        rule: Rule,
        share: float,
        alpha: float,
        scope: Scope = "block",
        blocks: Sequence[int] | None = None,
    ) -> EditSpec:
        return cls(
            tower=scores.tower,
            scores=scores.digest,
            rule=rule,
            share=share,
            alpha=alpha,
            scope=scope,
            blocks=None if blocks is None else tuple(sorted(blocks)),
        )

    def plan(self, scores: Mapping[LayerId, Tensor]) -> tuple[Selection, float]:
        """Which indices of which layers, and the factor."""
        held = {
            id: found
            for id, found in scores.items()
            if self.blocks is None or id.block in self.blocks
        }
        return select_layers(self.rule, held, self.share, self.scope), self.alpha


class LayerwiseEditSpec(Spec):
    """A share and a factor for every layer by itself.

    Attributes:
        layers: name of a layer, share and factor of each; a layer that is not named stays.
    """

    kind: ClassVar[str] = "edits"
    tower: Tower
    scores: str
    rule: Rule
    layers: tuple[tuple[str, float, float], ...]

    @classmethod
    def of(
        cls,
        scores: AnyScores,
        rule: Rule,
        layers: Mapping[LayerId, tuple[float, float]],
    ) -> LayerwiseEditSpec:
        return cls(
            tower=scores.tower,
            scores=scores.digest,
            rule=rule,
            layers=tuple((str(id), *point) for id, point in sorted(layers.items())),
        )

    def plan(self, scores: Mapping[LayerId, Tensor]) -> tuple[Selection, dict[LayerId, float]]:
        """As `EditSpec.plan`, with a factor per layer."""
        points = {LayerId.parse(name): (share, alpha) for name, share, alpha in self.layers}
        return select_by_layer(self.rule, scores, points)


class ControlEditSpec(Spec):
    """As many weights (or nodes) per layer as edit `like`, selected without its scores.

    Attributes:
        statistics: digests of those of the inputs of its layers; for a draw of equal contribution.
    """

    kind: ClassVar[str] = "edits"
    tower: Tower
    like: str
    draw: Draw
    statistics: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, like: ScoredEditSpec, draw: Draw, statistics: Sequence[StatisticsSpec] = ()
    ) -> ControlEditSpec:
        needed = statistics if draw.by == "contribution" else ()
        return cls(
            tower=like.tower,
            like=like.digest,
            draw=draw,
            statistics=tuple(spec.digest for spec in needed),
        )


ScoredEditSpec = EditSpec | LayerwiseEditSpec


@stage(EditSpec, LayerwiseEditSpec, ControlEditSpec, cost=free)
def edit(
    specs: Sequence[ScoredEditSpec | ControlEditSpec], store: Store, backbone: Backbone
) -> None:
    """Select by score (or as a control) and write the edit."""
    for spec in specs:

        def build(folder: Path) -> None:
            selection: Selection
            alpha: float | Mapping[LayerId, float]
            if isinstance(spec, ControlEditSpec):
                like = read_edit(store.path("edits", spec.like))
                loudness = _loudness(store, backbone, spec, like.layers)
                selection = select_control(like, backbone.model, spec.draw, loudness)
                alpha = {id: layer.alpha for id, layer in like.layers.items()}
                (unit,) = {layer.unit for layer in like.layers.values()}
            else:
                scores, _ = read_scores(store.path("scores", spec.scores))
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
