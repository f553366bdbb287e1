"""Pixels of a data set's pictures, shared by every backbone of one geometry."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import numpy as np

from storage.files.pictures import decode
from storage.formats.datasets import read_dataset
from storage.formats.samples import Array, Field, SampleArrays
from storage.sources import Source, unchanged
from storage.store.integrity import size
from storage.store.store import Store
from tasks.artifacts import TowerInputsSpec
from tasks.cost import Cost
from tasks.stage import progress, stage
from uwm.backbones.backbone import Backbone
from uwm.backbones.geometry import Geometry, PixelTransform
from uwm.chunks import CHUNK

_PROBED = 32
"""Pictures that are decoded to learn how well their pixels compress."""


class PixelsSpec(TowerInputsSpec):
    """uint8 pixels (samples, 3, height, width) of every partition of a data set."""

    kind: ClassVar[str] = "pixels"
    resumable: ClassVar[bool] = True
    geometry: Geometry

    @property
    def samples(self) -> int:
        return self.dataset.pictures.samples

    @property
    def partitions(self) -> int:
        return self.dataset.pictures.partitions


def _cost(spec: PixelsSpec, backbone: Backbone) -> Cost:
    source, pictures = spec.dataset.source, spec.samples * spec.partitions
    return Cost(lambda: round(pictures * _picture_bytes(source, spec.geometry)), pictures)


def _picture_bytes(source: Source, geometry: Geometry) -> float:
    """Bytes per picture once compressed, from pictures spread over the set."""
    references = source.images.to_numpy().reshape(-1, order="F")
    places = np.unique(np.linspace(0, len(references) - 1, _PROBED).round().astype(int))
    transform = PixelTransform(geometry)
    pixels = np.stack(
        [transform(decode(source.read(name), name)) for name in references[places].tolist()]
    )
    with TemporaryDirectory() as name:
        folder = Path(name)
        fields = {"pixels": _field(geometry)}
        arrays = SampleArrays.create(folder, len(pixels), len(pixels), fields)
        empty = size(folder)
        arrays.write(slice(0, len(pixels)), {"pixels": pixels})
        return (size(folder) - empty) / len(pixels)


def _field(geometry: Geometry) -> Field:
    return Field((3, geometry.height, geometry.width), "uint8", compressed=True)


@stage(PixelsSpec, cost=_cost)
def decode_pixels(specs: Sequence[PixelsSpec], store: Store) -> None:
    """Decode, resize and crop each data set's pictures once per geometry.

    Raises:
        SourceError: a picture cannot be decoded, or is not the one that was ingested.
    """
    # A thread per core and no more: each may hold a picture of 50 megapixels.
    with progress("pixels", "pictures decoded") as tell, ThreadPoolExecutor(os.cpu_count()) as pool:
        for spec in specs:
            source = spec.dataset.source
            digests = read_dataset(store.path(spec.dataset)).digests
            transform = PixelTransform(spec.geometry)

            def pixels(reference: str, digest: str) -> Array:
                return transform(decode(unchanged(source, reference, digest), reference))

            def build(folder: Path) -> None:
                arrays = SampleArrays.create(
                    folder,
                    samples=len(source.rows),
                    chunk=CHUNK,
                    fields=dict.fromkeys(digests, _field(spec.geometry)),
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
