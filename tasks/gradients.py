"""Gradient scores: forward and back through one tower, batch by batch over the calibration pairs.

They share pixels, tokens and the unedited embeddings with the rest of an audit. The forward pass is
float32 whatever the audit's precision, since small gradients vanish in half formats.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from storage.formats import standing
from storage.formats.gradient_sums import keep_sums, kept_sums
from storage.formats.samples import SampleArrays, read_across
from storage.formats.scores import write_scores
from storage.store.shards import pieces
from storage.store.spec import Input
from storage.store.store import Store
from tasks.artifacts import LayerScoresSpec, TowerEmbeddingsSpec, TowerInputsSpec
from tasks.cost import Cost, score_shapes, values
from tasks.stage import progress, stage
from uwm.backbones.backbone import Backbone
from uwm.chunks import CHUNK
from uwm.config import GradientKind
from uwm.config.methods.requests import Unit
from uwm.families import Role, Tower
from uwm.layers import find_layers
from uwm.method.gradients import GradientScore, held_fixed

KEEP_SECONDS = 20.0
"""How often sums are kept: what a killed run loses at most, beside the batches of one chunk.

By time, since keeping them costs as much however few samples they are of.
"""


class GradientScoresSpec(LayerScoresSpec):
    """A score per weight of one tower's layers, (out, in).

    Attributes:
        data: the calibration pixels or tokens that the tower reads.
        embeddings: by tower, the unedited calibration embeddings that the loss holds fixed.
        batch_size: pairs per gradient, which decides the scores.
    """

    resumable: ClassVar[bool] = True
    unit: Unit = "weight"
    loss: GradientKind
    weights: str
    data: Input[TowerInputsSpec]
    embeddings: tuple[tuple[Tower, Input[TowerEmbeddingsSpec]], ...]
    batch_size: int

    @classmethod
    def of(
        cls,
        backbone: Backbone,
        tower: Tower,
        loss: GradientKind,
        roles: Sequence[Role],
        data: TowerInputsSpec,
        embeddings: Mapping[Tower, TowerEmbeddingsSpec],
        batch_size: int,
    ) -> GradientScoresSpec:
        return cls(
            tower=tower,
            loss=loss,
            weights=backbone.tower_digest(tower),
            roles=roles,
            data=data,
            embeddings=tuple((whose, embeddings[whose]) for whose in sorted(embeddings)),
            batch_size=batch_size,
        )


def _cost(spec: GradientScoresSpec, backbone: Backbone) -> Cost:
    shapes = score_shapes(backbone, spec.tower, spec.roles, spec.unit)
    return Cost(lambda: 4 * values(shapes), spec.data.samples, spec.tower)  # the safe partition


@stage(GradientScoresSpec, cost=_cost)
def score_gradients(specs: Sequence[GradientScoresSpec], store: Store, backbone: Backbone) -> None:
    """Score every layer of one tower by its gradients; some batches in memory at a time.

    Raises:
        NonFiniteScoreError, NoGradientError: see `uwm.method.gradients`.
    """
    for spec in specs:
        inputs = SampleArrays(store.path(spec.data))
        embedded = {
            whose: [SampleArrays(folder) for folder in pieces(store, embeddings)]
            for whose, embeddings in spec.embeddings
        }
        portion = spec.batch_size * max(1, CHUNK // spec.batch_size)

        def batches(rows: slice) -> list[tuple[Tensor, ...]]:
            fixed = (
                read_across(embedded[whose], partition, rows)
                for whose, partition in held_fixed(spec.loss, spec.tower)
            )
            arrays = (inputs.read("safe", rows), *fixed)
            return list(
                zip(
                    *(torch.split(backbone.staged(part), spec.batch_size) for part in arrays),
                    strict=True,
                )
            )

        def build(folder: Path) -> None:
            layers = find_layers(backbone.model, spec.tower, spec.roles)
            scorer = GradientScore(backbone, spec.tower, layers, spec.loss, *kept_sums(folder))
            kept = time.monotonic()
            with (
                backbone.locks[spec.tower],
                progress(f"gradients-{spec.tower}", f"{spec.tower} pairs run back") as tell,
            ):
                for start in range(scorer.samples, inputs.samples, portion):
                    for batch in batches(slice(start, min(start + portion, inputs.samples))):
                        scorer.update(*batch)
                    tell(scorer.samples, inputs.samples)
                    if time.monotonic() - kept >= KEEP_SECONDS:
                        keep_sums(folder, scorer.samples, scorer.sums)
                        kept = time.monotonic()
            attributes = {
                "samples": scorer.samples,
                "excluded": 0,
                "gradient_batch_size": spec.batch_size,
            }
            write_scores(folder, scorer.result(), attributes)
            standing.drop(folder)

        store.make(spec, build)
