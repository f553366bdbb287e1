"""Embeddings of texts with those replaced that a probe calls unsafe."""

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
from uwm.method.blanking import Blanking


class BlankedSpec(Spec):
    """Embeddings of every partition of a data set's texts, the flagged ones replaced.

    Attributes:
        embeddings: digest of the texts' embeddings.
        calibration: digest of those that the probe is fitted on.
    """

    kind: ClassVar[str] = "embeddings"
    embeddings: str
    calibration: str


@stage(BlankedSpec, cost=free)
def blank(specs: Sequence[BlankedSpec], store: Store) -> None:
    """Fit the probe and replace what it flags."""
    for spec in specs:

        def build(folder: Path) -> None:
            fitted = read_embeddings(store, spec.calibration)
            probe = Blanking.fit(fitted["safe"], fitted["unsafe"])
            found = {
                name: probe.apply(values).numpy()
                for name, values in read_embeddings(store, spec.embeddings).items()
            }
            samples, dim = next(iter(found.values())).shape
            fields = dict.fromkeys(found, Field((dim,), "float32"))
            arrays = SampleArrays.create(folder, samples, CHUNK, fields)
            for rows in arrays.chunks():
                arrays.write(rows, {name: values[rows] for name, values in found.items()})

        store.make(spec, build)
