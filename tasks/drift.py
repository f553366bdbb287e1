"""How far edits agree that were made from different parts of the calibration set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel

from storage.formats.datasets import read_dataset
from storage.store.spec import Input, Spec
from storage.store.store import Store
from tasks.artifacts import TowerEditSpec
from tasks.cost import free
from tasks.datasets import DatasetSpec
from tasks.embeddings import TABLE
from tasks.stage import stage
from uwm.backbones.backbone import Backbone
from uwm.config import Subset
from uwm.families import Tower
from uwm.layers import LayerId
from uwm.method.edit_files import read_edit
from uwm.method.editing import Edit, tower_weights
from uwm.method.subsets import subset_rows
from uwm.metrics.agreement import agreements


class Comparison(BaseModel, frozen=True, extra="forbid"):
    """Two edits, and the part of the calibration set that each was made from.

    Attributes:
        compared: what they have in common, in words.
    """

    compared: str
    first: Input[TowerEditSpec]
    second: Input[TowerEditSpec]
    first_part: Subset
    second_part: Subset


class AgreementSpec(Spec):
    """Agreement of one tower's edits, layer by layer."""

    kind: ClassVar[str] = "agreements"
    tower: Tower
    calibration: Input[DatasetSpec]
    comparisons: tuple[Comparison, ...]


@stage(AgreementSpec, cost=free)
def agree(specs: Sequence[AgreementSpec], store: Store, backbone: Backbone) -> None:
    """Compare the edits' choices; a row per comparison and layer."""
    for spec in specs:
        table = read_dataset(store.path(spec.calibration)).rows
        ids, concepts = (table[name].astype(str).tolist() for name in ("id", "concept"))

        def taken(part: Subset) -> NDArray[np.bool_]:
            return subset_rows(part, ids, concepts)

        def build(folder: Path) -> None:
            rows = [
                {
                    "tower": spec.tower,
                    "compared": comparison.compared,
                    "first": str(comparison.first_part),
                    "second": str(comparison.second_part),
                    "pairs_shared": _overlap(
                        taken(comparison.first_part), taken(comparison.second_part)
                    ),
                    **row,
                }
                for comparison in spec.comparisons
                for row in _rows(store, backbone, comparison)
            ]
            pd.DataFrame(rows).to_parquet(folder / TABLE, index=False)

        store.make(spec, build)


def _rows(store: Store, backbone: Backbone, comparison: Comparison) -> list[dict[str, object]]:
    edits = [read_edit(store.path(one)) for one in (comparison.first, comparison.second)]
    first, second = ({id: layer.indices for id, layer in found.layers.items()} for found in edits)
    return [
        {
            "layer": str(id),
            "block": id.block,
            "role": id.role,
            "size": found.size,
            "selected_first": found.first,
            "selected_second": found.second,
            "shared": found.shared,
            "jaccard": found.jaccard,
            "expected": found.expected,
        }
        for id, found in agreements(first, second, _sizes(backbone, edits)).items()
    ]


def _sizes(backbone: Backbone, edits: Sequence[Edit]) -> dict[LayerId, int]:
    """How many weights or nodes each edited layer has to choose from."""
    weights = tower_weights(backbone.model, edits[0].tower)
    return {
        id: weights[id].numel() if layer.unit == "weight" else weights[id].shape[1]
        for edit in edits
        for id, layer in edit.layers.items()
    }


def _overlap(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """The Jaccard index of the pairs themselves."""
    return float((first & second).sum() / (first | second).sum())
