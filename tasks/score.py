"""Score aggregation: from stored statistics to a score per weight or node, chunk by chunk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

from storage.code import code_digest
from storage.scores import write_scores
from storage.shards import pieces
from storage.statistics import StatisticsArrays
from storage.store import Spec, Store
from tasks.capture import StatisticsSpec
from tasks.stage import stage
from uwm.backbone import Backbone
from uwm.config import ScoreKind
from uwm.layers import Role, Tower, find_layers
from uwm.scoring import LayerScore, NodeScore, WeightScore, usable


class ScoresSpec(Spec):
    """A score per layer of one tower: (out, in), or (in,) of kind `node`."""

    kind: ClassVar[str] = "scores"
    tower: Tower
    statistics: str
    score: ScoreKind | Literal["node"]
    prior: bool
    roles: tuple[Role, ...]

    @classmethod
    def of(
        cls,
        statistics: StatisticsSpec,
        score: ScoreKind | Literal["node"],
        roles: Sequence[Role],
        prior: bool = False,
    ) -> ScoresSpec:
        return cls(
            code=code_digest(__name__, "storage.scores"),
            tower=statistics.tower,
            statistics=statistics.digest,
            score=score,
            prior=prior,
            roles=tuple(sorted(roles)),
        )


@stage
def score(specs: Sequence[ScoresSpec], store: Store, backbone: Backbone) -> None:
    """Score every layer of one tower; one chunk of one layer's statistics in memory at a time."""
    for spec in specs:
        found = pieces(store, "statistics", spec.statistics)
        statistics = [StatisticsArrays(folder) for folder in found]
        samples = sum(arrays.samples for arrays in statistics)

        def build(folder: Path) -> None:
            scores, excluded = {}, 0
            for layer in find_layers(backbone.model, spec.tower, spec.roles):
                weight = layer.weight(backbone.model)
                scorer: LayerScore = (
                    NodeScore(weight.shape[1], weight.device)
                    if spec.score == "node"
                    else WeightScore(weight, spec.score, prior=spec.prior)
                )
                for arrays in statistics:
                    for rows in arrays.chunks():
                        safe, unsafe = arrays.read(layer.input, rows)
                        scorer.update(*usable(safe, unsafe, weight.device))
                scores[layer.id] = scorer.result()
                excluded = max(excluded, samples - scorer.samples)
            write_scores(folder, scores, {"samples": samples, "excluded": excluded})

        store.make(spec, build)
