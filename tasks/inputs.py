"""What towers read: pixels, shared by every backbone of one geometry, and tokens per tokenizer."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from storage.files.pictures import decode
from storage.formats.datasets import read_dataset, write_dataset
from storage.formats.samples import Array, Field, SampleArrays
from storage.sources import Source, unchanged
from storage.store.code import code_digest
from storage.store.store import Spec, Store
from tasks.stage import CHUNK, progress, stage
from uwm.backbones.backbone import Backbone
from uwm.backbones.geometry import Geometry, PixelTransform


class DatasetSpec(Spec):
    """A pair or zero-shot set by its content, whatever it is called and wherever it lies."""

    kind: ClassVar[str] = "datasets"
    content: str

    @classmethod
    def of(cls, content: str) -> DatasetSpec:
        return cls(code=code_digest(__name__, "storage.formats.datasets"), content=content)


@stage
def ingest(specs: Sequence[DatasetSpec], store: Store, sources: Sequence[Source]) -> None:
    """Write the data sets' tables."""
    for spec, source in zip(specs, sources, strict=True):
        store.make(spec, partial(write_dataset, source=source))


class PixelsSpec(Spec):
    """uint8 pixels (samples, 3, height, width) of every partition of a data set."""

    kind: ClassVar[str] = "pixels"
    resumable: ClassVar[bool] = True
    dataset: str
    geometry: Geometry

    @classmethod
    def of(cls, dataset: Spec, geometry: Geometry) -> PixelsSpec:
        return cls(
            code=code_digest(__name__, "storage.files.pictures", "storage.formats.samples"),
            dataset=dataset.digest,
            geometry=geometry,
        )


class TokensSpec(Spec):
    """Token ids (texts, context), int32, of every partition of a data set."""

    kind: ClassVar[str] = "tokens"
    resumable: ClassVar[bool] = True
    dataset: str
    tokenizer: str

    @classmethod
    def of(cls, dataset: Spec, backbone: Backbone) -> TokensSpec:
        return cls(
            code=code_digest(__name__, "storage.formats.samples"),
            dataset=dataset.digest,
            tokenizer=backbone.tokenizer_digest,
        )


def pixel_field(geometry: Geometry) -> Field:
    """What one picture becomes."""
    return Field((3, geometry.height, geometry.width), "uint8", compressed=True)


def token_field(backbone: Backbone) -> Field:
    """What one text becomes."""
    return Field((backbone.tokenizer.context_length,), "int32")


def too_short(store: Store, spec: TokensSpec, backbone: Backbone) -> NDArray[np.bool_]:
    """Which rows have a text of fewer than two real tokens, and so no std over tokens."""
    arrays = SampleArrays(store.path(spec.kind, spec.digest))
    few = [
        backbone.real_tokens(torch.from_numpy(arrays.read(part))).sum(1) < 2
        for part in arrays.names
    ]
    return torch.stack(few).any(0).numpy()


@stage
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


@stage
def tokenize(specs: Sequence[TokensSpec], store: Store, backbone: Backbone) -> None:
    """Tokenize each data set's texts once per tokenizer."""
    for spec in specs:
        texts = read_dataset(store.path("datasets", spec.dataset)).texts

        def build(folder: Path) -> None:
            arrays = SampleArrays.create(
                folder,
                samples=len(next(iter(texts.values()))),
                chunk=CHUNK,
                fields=dict.fromkeys(texts, token_field(backbone)),
            )
            for rows in arrays.missing():
                ids = {part: backbone.tokenize(texts[part][rows]) for part in texts}
                arrays.write(rows, {part: values.numpy() for part, values in ids.items()})

        store.make(spec, build)
