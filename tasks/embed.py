"""Embeddings of data sets by one tower, edited or not."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from storage.formats.samples import Array, Field, SampleArrays
from storage.store.shards import ShardedSpec, within, write_listing
from storage.store.spec import Input
from storage.store.store import Store
from tasks.artifacts import TowerEditSpec, TowerEmbeddingsSpec, TowerInputsSpec
from tasks.cost import FREE, Cost, stored_bytes
from tasks.stage import progress, stage
from uwm.backbones.backbone import Backbone
from uwm.chunks import CHUNK
from uwm.config import Precision
from uwm.families import Tower
from uwm.method.edit_files import read_edit


class EmbeddingsSpec(TowerEmbeddingsSpec, ShardedSpec):
    """Embeddings by one tower.

    The other tower does not enter: an edit of one leaves the other's embeddings valid.
    """

    resumable: ClassVar[bool] = True
    tower: Tower
    weights: str
    precision: Precision
    edit: Input[TowerEditSpec] | None
    data: Input[TowerInputsSpec]

    @classmethod
    def of(
        cls, backbone: Backbone, tower: Tower, edit: TowerEditSpec | None, data: TowerInputsSpec
    ) -> EmbeddingsSpec:
        return cls(
            tower=tower,
            weights=backbone.tower_digest(tower),
            precision=backbone.precision,
            edit=edit,
            data=data,
        )


def _field(backbone: Backbone) -> Field:
    return Field((backbone.dim,), "float32")


def _cost(spec: EmbeddingsSpec, backbone: Backbone) -> Cost:
    if spec.shards:
        return FREE  # a list of names
    rows = [spec.part.stop - spec.part.start] * spec.data.partitions
    return Cost(lambda: stored_bytes([_field(backbone)], rows), sum(rows), spec.tower)


@stage(EmbeddingsSpec, cost=_cost)
def embed(
    specs: Sequence[EmbeddingsSpec], store: Store, backbone: Backbone, batch_size: int
) -> None:
    """Run one tower, with one edit in place, over data sets.

    Raises:
        NotFiniteError: it computes NaN or infinity.
    """
    for spec in specs:
        if spec.shards:
            store.make(spec, partial(write_listing, whole=spec))
            continue
        inputs = SampleArrays(store.path(spec.data))
        part = spec.part

        def load(rows: slice) -> dict[str, Tensor]:
            read = within(part, rows)
            return {name: backbone.staged(inputs.read(name, read)) for name in inputs.names}

        def compute(chunk: dict[str, Tensor]) -> dict[str, Tensor]:
            return {
                name: torch.cat(
                    [
                        backbone.encode(spec.tower, batch)
                        for batch in torch.split(values, batch_size)
                    ]
                )
                for name, values in chunk.items()
            }

        def to_arrays(found: dict[str, Tensor]) -> dict[str, Array]:
            arrays = {name: values.cpu().numpy() for name, values in found.items()}
            for values in arrays.values():
                backbone.check_finite(spec.tower, values)
            return arrays

        def build(folder: Path) -> None:
            arrays = SampleArrays.create(
                folder,
                samples=part.stop - part.start,
                chunk=CHUNK,
                fields=dict.fromkeys(inputs.names, _field(backbone)),
            )
            edited = (
                nullcontext()
                if spec.edit is None
                else read_edit(store.path(spec.edit)).applied(backbone.model)
            )
            with (
                backbone.locks[spec.tower],
                edited,
                progress(f"embed-{spec.tower}", f"{spec.tower} chunks embedded") as tell,
            ):
                arrays.fill(load, compute, to_arrays, tell)

        store.make(spec, build)
