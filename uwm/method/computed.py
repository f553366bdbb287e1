"""Scores by a function of one's own: called with a tower and what it reads, checked before use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from torch import Tensor

from uwm.backbones.backbone import Backbone
from uwm.config.methods.requests import ComputedScore
from uwm.errors import NonFiniteScoreError, PluginError
from uwm.families import Tower
from uwm.layers import Layer, LayerId
from uwm.partitions import Partition


class TowerInputs(Protocol):
    """What one tower reads of the calibration pairs."""

    @property
    def samples(self) -> int:
        """The number of pairs."""

    def read(self, partition: Partition, rows: slice) -> Tensor:
        """Some rows of a partition on the backbone's device, as `Backbone.forward` takes them:
        uint8 pixels (rows, 3, height, width), or token ids (rows, context)."""


def compute(
    wanted: ComputedScore,
    backbone: Backbone,
    tower: Tower,
    layers: Sequence[Layer],
    inputs: TowerInputs,
    batch_size: int,
) -> dict[LayerId, Tensor]:
    """A score per layer, float32: (out, in) of weights, (in,) of nodes.

    Raises:
        PluginError: the function cannot be loaded, or its scores are not of these shapes.
        NonFiniteScoreError: a score is NaN or infinite.
    """
    function = wanted.by.load()
    found: Mapping[LayerId, Tensor] = function(
        backbone=backbone,
        tower=tower,
        layers=layers,
        inputs=inputs,
        batch_size=batch_size,
        **dict(wanted.by.settings),
    )
    scores: dict[LayerId, Tensor] = {}
    for layer in layers:
        shape = tuple(layer.weight(backbone.model).shape)
        shape = shape[1:] if wanted.unit == "node" else shape
        score = found.get(layer.id)
        if score is None or tuple(score.shape) != shape:
            given = "none" if score is None else f"one of shape {tuple(score.shape)}"
            raise PluginError(
                f"{wanted.by} should give a score of shape {shape} for {layer.id}, by its "
                f"id; it gave {given}"
            )
        if not score.isfinite().all():
            raise NonFiniteScoreError(f"{wanted.by} gave {layer.id} a score that is not finite")
        scores[layer.id] = score.detach().float()
    return scores
