"""Embeddings as a map rewrites them that is fitted on calibration pairs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from storage.formats.embeddings import read_embeddings
from storage.formats.samples import Field, SampleArrays
from storage.store.spec import Spec
from storage.store.store import Store
from tasks.cost import free
from tasks.stage import stage
from uwm.chunks import CHUNK
from uwm.config.methods.requests import Rewriting
from uwm.method.erasure import fitted


class RewrittenSpec(Spec):
    """Embeddings of every partition of a data set by one tower, rewritten.

    Attributes:
        by: the map, see `uwm.method.erasure`.
        swapped: the seed of a control, see `Rewriting`.
        embeddings: digest of what is rewritten.
        calibration: digest of the embeddings that the map is fitted on.
    """

    kind: ClassVar[str] = "embeddings"
    by: str
    swapped: int | None = None
    embeddings: str
    calibration: str

    @classmethod
    def of(cls, wanted: Rewriting, embeddings: Spec, calibration: Spec) -> RewrittenSpec:
        return cls(
            by=wanted.by,
            swapped=wanted.swapped,
            embeddings=embeddings.digest,
            calibration=calibration.digest,
        )


@stage(RewrittenSpec, cost=free)
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
