"""The scores of `mean_shift.py`: one pass of a tower over both partitions, observed."""

from collections.abc import Sequence

import torch
from torch import Tensor

from uwm.backbones.backbone import Backbone
from uwm.chunks import chunks
from uwm.families import Tower
from uwm.layers import Layer, LayerId
from uwm.method.computed import TowerInputs
from uwm.method.observe import as_tokens, observing
from uwm.partitions import PARTITIONS, Partition


def mean_shift(
    backbone: Backbone,
    tower: Tower,
    layers: Sequence[Layer],
    inputs: TowerInputs,
    batch_size: int,
) -> dict[LayerId, Tensor]:
    """How far each input node's mean over samples and positions moves, |unsafe - safe|: (in,)."""
    sums: dict[tuple[str, str], Tensor] = {}
    counts: dict[tuple[str, str], int] = {}
    read = torch.empty(0)
    partition: Partition = PARTITIONS[0]

    def observer(layer: Layer, activation: Tensor) -> None:
        tokens = as_tokens(activation, len(read), layer).double().mean(1)
        for row in tokens:  # one after the other, so that the batch size changes no bit
            key = partition, layer.input
            sums[key] = sums[key] + row if key in sums else row
            counts[key] = counts.get(key, 0) + 1

    with observing(backbone.model, layers, observer):
        for partition in PARTITIONS:
            for rows in chunks(inputs.samples):
                for read in torch.split(inputs.read(partition, rows), batch_size):
                    backbone.forward(tower, read)
    means = {key: total / counts[key] for key, total in sums.items()}
    return {
        layer.id: (means["unsafe", layer.input] - means["safe", layer.input]).abs().float()
        for layer in layers
    }
