import io
from typing import Any

import numpy as np
import open_clip
import pandas as pd
import pytest
import torch
from PIL import Image

from storage.formats.samples import SampleArrays
from storage.sources import Source
from tasks.datasets import ingest
from tasks.pixels import PixelsSpec, decode_pixels
from tests.makers.backbones import LoadFresh
from tests.makers.bench import Bench, Pose
from uwm.errors import SourceError


def open_clips_own(data: bytes) -> torch.Tensor:
    """What open_clip's evaluation transform makes of a file, in units of [0, 1]."""
    transform = open_clip.image_transform(
        32, is_train=False, mean=(0, 0, 0), std=(1, 1, 1), interpolation="bicubic"
    )
    pixels: torch.Tensor = transform(Image.open(io.BytesIO(data)))
    return pixels


def decoded(bench: Bench, pose: Pose, pictures: list[bytes]) -> PixelsSpec:
    """Pictures made a data set of one partition, and decoded in the backbone's geometry."""
    source = Source(
        rows=pd.DataFrame({"id": [str(row) for row in range(len(pictures))]}),
        images=pd.DataFrame({"safe": [str(row) for row in range(len(pictures))]}),
        texts=pd.DataFrame({"safe": ["text"] * len(pictures)}),
        read=lambda reference: pictures[int(reference)],
    )
    dataset = pose(source)
    pixels = PixelsSpec(dataset=dataset, geometry=bench.backbone.geometry)
    ingest.fn([dataset], bench.store)
    decode_pixels.fn([pixels], bench.store)
    return pixels


def encoded(mode: str, format: str, size: tuple[int, int], **options: Any) -> bytes:
    values = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    image = Image.fromarray(values)
    if mode != "RGBA":
        image = image.convert("RGB").convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


TURNED = Image.Exif()
TURNED[0x0112] = 6  # a quarter turn, which open_clip's own road does not make
FILES: list[tuple[str, str, dict[str, Any]]] = [
    ("RGB", "PNG", {}),
    ("RGB", "JPEG", {}),
    ("RGB", "WEBP", {}),
    ("RGBA", "PNG", {}),
    ("RGBA", "WEBP", {}),
    ("L", "PNG", {}),
    ("L", "JPEG", {}),
    ("LA", "PNG", {}),
    ("1", "PNG", {}),
    ("P", "PNG", {}),
    ("P", "PNG", {"transparency": 3}),
    ("P", "PNG", {"transparency": bytes(range(256))}),
    ("L", "PNG", {"transparency": 3}),
    ("CMYK", "JPEG", {}),
    ("RGB", "JPEG", {"exif": TURNED}),
    ("RGB", "PNG", {"exif": TURNED}),
    ("RGB", "WEBP", {"exif": TURNED}),
]


def test_every_kind_of_file_gives_open_clips_own_pixels_to_the_bit(
    bench: Bench, pose: Pose
) -> None:
    pictures = [
        encoded(mode, format, size, **options)
        for mode, format, options in FILES
        for size in ((50, 80), (20, 12), (32, 32))
    ]
    pixels = decoded(bench, pose, pictures)
    found = SampleArrays(bench.store.path(pixels)).read("safe")
    for row, data in enumerate(pictures):
        assert torch.equal(torch.from_numpy(found[row]).float() / 255, open_clips_own(data)), row


def test_a_turned_file_is_not_turned_back(bench: Bench, pose: Pose) -> None:
    pictures = [encoded("RGB", "PNG", (40, 40)), encoded("RGB", "PNG", (40, 40), exif=TURNED)]
    pixels = decoded(bench, pose, pictures)
    found = SampleArrays(bench.store.path(pixels)).read("safe")
    assert np.array_equal(found[0], found[1])


def test_pixels_of_pairs_keep_their_places(bench: Bench) -> None:
    arrays = SampleArrays(bench.store.path(bench.pixels))
    for part in ("safe", "unsafe"):
        for row, reference in enumerate(bench.source.images[part][:5]):
            found = torch.from_numpy(arrays.read(part, slice(row, row + 1))[0]).float() / 255
            assert torch.equal(found, open_clips_own(bench.source.read(reference)))


def test_a_picture_that_changed_since_ingestion_is_never_decoded(bench: Bench, pose: Pose) -> None:
    pictures = [encoded("RGB", "PNG", (40, 40)) for _ in range(3)]
    pixels = decoded(bench, pose, pictures)
    pictures[1] = encoded("L", "PNG", (40, 40))
    (bench.store.path(pixels) / "COMPLETE.json").unlink()
    with pytest.raises(SourceError, match="1 has changed meanwhile"):
        decode_pixels.fn([pixels], bench.store)


def test_pixels_belong_to_a_geometry_not_to_a_backbone(bench: Bench, load_fresh: LoadFresh) -> None:
    other = PixelsSpec(dataset=bench.dataset, geometry=load_fresh("coca").geometry)
    assert other == bench.pixels
