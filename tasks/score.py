"""Score aggregation: from stored statistics to a score per weight or node, chunk by chunk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from storage.formats.datasets import read_dataset
from storage.formats.scores import write_scores
from storage.store.spec import Input
from storage.store.store import Store
from tasks.artifacts import LayerScoresSpec
from tasks.capture import StatisticsSpec, read_statistics
from tasks.cost import Cost, score_shapes, values
from tasks.datasets import DatasetSpec
from tasks.own_code import OwnCodeSpec
from tasks.stage import stage
from uwm.backbones.backbone import Backbone
from uwm.config import NodeScoreKind, ScoreKind, Subset
from uwm.config.methods.requests import OwnCode, StatisticsScore, Unit
from uwm.families import Role, read_by
from uwm.layers import find_layers
from uwm.method.scoring import LayerScore, scorer, usable
from uwm.method.subsets import subset_rows


class ScoresSpec(LayerScoresSpec):
    """Scores by statistics.

    Attributes:
        statistics: those of each input that the roles read.
        dataset: the calibration set, where scores are of a part of it.
        subset: that part.
        spared: share of the weights that score 0, see `StatisticsScore`.
    """

    statistics: tuple[Input[StatisticsSpec], ...]
    score: ScoreKind | NodeScoreKind | OwnCodeSpec
    prior: bool
    dataset: Input[DatasetSpec] | None = None
    subset: Subset | None = None
    spared: float | None = None

    @classmethod
    def of(
        cls,
        statistics: Sequence[StatisticsSpec],
        unit: Unit,
        score: ScoreKind | NodeScoreKind | OwnCode,
        roles: Sequence[Role],
        prior: bool = False,
        part: tuple[DatasetSpec, Subset] | None = None,
        spared: float | None = None,
    ) -> ScoresSpec:
        """Scores by statistics of one tower, which may be of further inputs too.

        Args:
            part: the calibration set and which part of it counts; all of it by default.
        """
        dataset, subset = part or (None, None)
        captured = {spec.reads: spec for spec in statistics}
        return cls(
            tower=statistics[0].tower,
            statistics=tuple(captured[reads] for reads in read_by(roles)),
            unit=unit,
            score=OwnCodeSpec.of(score) if isinstance(score, OwnCode) else score,
            prior=prior,
            roles=roles,
            dataset=dataset,
            subset=subset,
            spared=spared,
        )

    def scorer(self, weight: Tensor) -> LayerScore:
        """A scorer of this kind for a layer's weight."""
        score = self.score.checked() if isinstance(self.score, OwnCodeSpec) else self.score
        return scorer(StatisticsScore(self.unit, score, self.prior, spared=self.spared), weight)


def _cost(spec: ScoresSpec, backbone: Backbone) -> Cost:
    shapes = score_shapes(backbone, spec.tower, spec.roles, spec.unit)
    return Cost(lambda: 4 * values(shapes))


@stage(ScoresSpec, cost=_cost)
def score(specs: Sequence[ScoresSpec], store: Store, backbone: Backbone) -> None:
    """Score every layer of one tower; one chunk of one layer's statistics in memory at a time."""
    for spec in specs:
        statistics = read_statistics(store, spec.statistics)
        total = sum(arrays.samples for arrays in next(iter(statistics.values())))
        rows = _rows(store, spec, total)
        samples = int(rows.sum())

        def build(folder: Path) -> None:
            scores, excluded = {}, 0
            for layer in find_layers(backbone.model, spec.tower, spec.roles):
                weight = layer.weight(backbone.model)
                scorer = spec.scorer(weight)
                begin = 0
                for arrays in statistics[layer.input]:
                    for chunk in arrays.chunks():
                        keep = rows[begin + chunk.start : begin + chunk.stop]
                        safe, unsafe = (part.rows(keep) for part in arrays.read(layer.input, chunk))
                        scorer.update(*usable(safe, unsafe, weight.device))
                    begin += arrays.samples
                scores[layer.id] = scorer.result()
                excluded = max(excluded, samples - scorer.samples)
            write_scores(folder, scores, {"samples": samples, "excluded": excluded})

        store.make(spec, build)


def _rows(store: Store, spec: ScoresSpec, samples: int) -> Tensor:
    """Which pairs count, bool (samples,)."""
    if spec.subset is None or spec.dataset is None:
        return torch.ones(samples, dtype=torch.bool)
    table = read_dataset(store.path(spec.dataset)).rows
    ids, concepts = (table[name].astype(str).tolist() for name in ("id", "concept"))
    return torch.from_numpy(subset_rows(spec.subset, ids, concepts))
