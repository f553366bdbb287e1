"""Embeddings as a map rewrites them that is fitted on calibration pairs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from storage.formats.embeddings import read_embeddings
from storage.formats.samples import Field, SampleArrays
from storage.store.spec import Input
from storage.store.store import Store
from tasks.artifacts import TowerEmbeddingsSpec
from tasks.cost import Cost, stored_bytes
from tasks.stage import stage
from uwm.backbones.backbone import Backbone
from uwm.chunks import CHUNK
from uwm.config.methods.requests import Rewriting
from uwm.method.erasure import fitted


class RewrittenSpec(TowerEmbeddingsSpec):
    """Embeddings of every partition of a data set by one tower, rewritten.

    Attributes:
        by: the map, see `uwm.method.erasure`.
        swapped: the seed of a control, see `Rewriting`.
        embeddings: what is rewritten.
        calibration: the embeddings that the map is fitted on.
    """

    by: str
    swapped: int | None = None
    embeddings: Input[TowerEmbeddingsSpec]
    calibration: Input[TowerEmbeddingsSpec]

    @classmethod
    def of(
        cls, wanted: Rewriting, embeddings: TowerEmbeddingsSpec, calibration: TowerEmbeddingsSpec
    ) -> RewrittenSpec:
        return cls(
            data=embeddings.data,
            by=wanted.by,
            swapped=wanted.swapped,
            embeddings=embeddings,
            calibration=calibration,
        )


def _cost(spec: RewrittenSpec, backbone: Backbone) -> Cost:
    data, field = spec.data, Field((backbone.dim,), "float32")
    return Cost(lambda: stored_bytes([field], [data.samples] * data.partitions))


@stage(RewrittenSpec, cost=_cost)
def rewrite(specs: Sequence[RewrittenSpec], store: Store) -> None:
    """Fit the map and apply it."""
    for spec in specs:

        def build(folder: Path) -> None:
            pairs = read_embeddings(store, spec.calibration)
            rewriting = fitted(spec.by, pairs["safe"], pairs["unsafe"], spec.swapped)
            found = {
                name: rewriting.apply(values).numpy()
                for name, values in read_embeddings(store, spec.embeddings).items()
            }
            samples, dim = next(iter(found.values())).shape
            fields = dict.fromkeys(found, Field((dim,), "float32"))
            arrays = SampleArrays.create(folder, samples, CHUNK, fields)
            for rows in arrays.chunks():
                arrays.write(rows, {name: values[rows] for name, values in found.items()})

        store.make(spec, build)
