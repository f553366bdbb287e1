"""What one tower's scores look like layer by layer, and whether unsafe samples score higher."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pandas as pd
import torch

from storage.formats.scores import read_scores
from storage.formats.statistics import StatisticsArrays
from storage.store.spec import Input, Spec
from storage.store.store import Store
from tasks.artifacts import LayerScoresSpec
from tasks.capture import StatisticsSpec, read_statistics
from tasks.cost import free
from tasks.stage import stage
from uwm.backbones.backbone import Backbone
from uwm.families import Tower
from uwm.layers import Layer, LayerId, find_layers
from uwm.method.inspection import QUANTILES, Preference, mean_phi, prefers_unsafe, spread
from uwm.method.scoring import usable

DISTRIBUTION, PHI = "distribution", "phi"
"""The names of the tables."""
_RESAMPLES = 1000


class InspectionSpec(Spec):
    """Two tables about one tower.

    Attributes:
        statistics: those of each input that the scores' layers read.
        scores: of the same roles, by unit of their own.
    """

    kind: ClassVar[str] = "inspections"
    statistics: tuple[Input[StatisticsSpec], ...]
    scores: tuple[Input[LayerScoresSpec], ...]
    seed: int

    @property
    def tower(self) -> Tower:
        return self.scores[0].tower


@stage(InspectionSpec, cost=free)
def inspect_scores(specs: Sequence[InspectionSpec], store: Store, backbone: Backbone) -> None:
    """Describe the scores and compare the partitions; one chunk of a layer in memory at a time."""
    for spec in specs:

        def build(folder: Path) -> None:
            tables = {DISTRIBUTION: _distribution(store, spec), PHI: _phi(store, spec, backbone)}
            for name, rows in tables.items():
                pd.DataFrame(rows).to_parquet(folder / f"{name}.parquet", index=False)

        store.make(spec, build)


def read_inspection(store: Store, spec: InspectionSpec) -> dict[str, pd.DataFrame]:
    """The tables by name.

    `DISTRIBUTION`: tower, layer, block, role, unit, size, a column per quantile (`q50`), and
    `above`, the percentage above 1. `PHI`: tower, layer, block, role, n, safe, unsafe, change and
    higher with their intervals, see `uwm.method.inspection.Preference`.
    """
    folder = store.path(spec)
    return {name: pd.read_parquet(folder / f"{name}.parquet") for name in (DISTRIBUTION, PHI)}


def _distribution(store: Store, spec: InspectionSpec) -> list[dict[str, object]]:
    rows = []
    for scored in spec.scores:
        scores, _ = read_scores(store.path(scored))
        for id, found in scores.items():
            size, quantiles, above = spread(found)
            named = {f"q{100 * at:g}": q for at, q in zip(QUANTILES, quantiles, strict=True)}
            rows.append({**_place(id), "unit": scored.unit, "size": size, **named, "above": above})
    return rows


def _phi(store: Store, spec: InspectionSpec, backbone: Backbone) -> list[dict[str, object]]:
    statistics = read_statistics(store, spec.statistics)
    rows = []
    for layer in find_layers(backbone.model, spec.tower, spec.scores[0].roles):
        n, safe, unsafe, change, higher = _preference(
            statistics[layer.input], layer, spec, backbone
        )
        rows.append(
            {
                **_place(layer.id),
                "n": n,
                "safe": safe,
                "unsafe": unsafe,
                "change": change.value,
                "change_low": change.low,
                "change_high": change.high,
                "higher": higher.value,
                "higher_low": higher.low,
                "higher_high": higher.high,
            }
        )
    return rows


def _preference(
    statistics: Sequence[StatisticsArrays], layer: Layer, spec: InspectionSpec, backbone: Backbone
) -> Preference:
    weight = layer.weight(backbone.model)
    phi: list[tuple[torch.Tensor, torch.Tensor]] = []
    for arrays in statistics:
        for chunk in arrays.chunks():
            safe, unsafe = usable(*arrays.read(layer.input, chunk), weight.device)
            phi.append((mean_phi(safe, weight), mean_phi(unsafe, weight)))
    before, after = (torch.cat(part) for part in zip(*phi, strict=True))
    return prefers_unsafe(before, after, _RESAMPLES, spec.seed)


def _place(id: LayerId) -> dict[str, object]:
    return {"tower": id.tower, "layer": str(id), "block": id.block, "role": id.role}
