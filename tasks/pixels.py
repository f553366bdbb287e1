"""Pixels of a data set's pictures, shared by every backbone of one geometry."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import numpy as np

from storage.files.pictures import decode
from storage.formats.datasets import read_dataset
from storage.formats.samples import Array, Field, SampleArrays
from storage.sources import Source, unchanged
from storage.store.spec import Spec
from storage.store.store import Store
from tasks.cost import free
from tasks.stage import progress, stage
from uwm.backbones.geometry import Geometry, PixelTransform
from uwm.chunks import CHUNK


class PixelsSpec(Spec):
    """uint8 pixels (samples, 3, height, width) of every partition of a data set."""

    kind: ClassVar[str] = "pixels"
    resumable: ClassVar[bool] = True
    dataset: str
    geometry: Geometry

    @classmethod
    def of(cls, dataset: Spec, geometry: Geometry) -> PixelsSpec:
        return cls(
            dataset=dataset.digest,
            geometry=geometry,
        )


def pixel_field(geometry: Geometry) -> Field:
    """What one picture becomes."""
    return Field((3, geometry.height, geometry.width), "uint8", compressed=True)


@stage(PixelsSpec, cost=free)
def decode_pixels(specs: Sequence[PixelsSpec], store: Store, sources: Sequence[Source]) -> None:
    """Decode, resize and crop each data set's pictures once per geometry.

    Raises:
        SourceError: a picture cannot be decoded, or is not the one that was ingested.
    """
    # A thread per core and no more: each may hold a picture of 50 megapixels.
    with progress("pixels", "pictures decoded") as tell, ThreadPoolExecutor(os.cpu_count()) as pool:
        for spec, source in zip(specs, sources, strict=True):
            digests = read_dataset(store.path("datasets", spec.dataset)).digests
            transform = PixelTransform(spec.geometry)

            def pixels(reference: str, digest: str) -> Array:
                return transform(decode(unchanged(source, reference, digest), reference))

            def build(folder: Path) -> None:
                arrays = SampleArrays.create(
                    folder,
                    samples=len(source.rows),
                    chunk=CHUNK,
                    fields=dict.fromkeys(digests, pixel_field(spec.geometry)),
                )

                def load(rows: slice) -> dict[str, Array]:
                    return {
                        part: np.stack(
                            list(pool.map(pixels, source.images[part].iloc[rows], expected[rows]))
                        )
                        for part, expected in digests.items()
                    }

                arrays.fill(load, lambda pixels: pixels, lambda pixels: pixels, tell)

            store.make(spec, build)
