import io

import numpy as np
import open_clip
import torch
from PIL import Image

from storage.samples import SampleArrays
from tasks.inputs import PixelsSpec, decode_pixels
from tests.bench import Bench


def test_pixels_are_open_clips_own_before_scaling(bench: Bench) -> None:
    arrays = SampleArrays(bench.store.path("pixels", bench.pixels.digest))
    transform = open_clip.image_transform(
        32, is_train=False, mean=(0, 0, 0), std=(1, 1, 1), interpolation="bicubic"
    )
    for part in ("safe", "unsafe"):
        for row, reference in enumerate(bench.source.images[part][:5]):
            image = Image.open(io.BytesIO(bench.source.read(reference)))
            expected = transform(image)
            found = torch.from_numpy(arrays.read(part, slice(row, row + 1))[0]).float() / 255
            assert torch.equal(found, expected)


def test_tokens_are_the_tokenizers(bench: Bench) -> None:
    arrays = SampleArrays(bench.store.path("tokens", bench.tokens.digest))
    expected = bench.backbone.tokenize(bench.source.texts["unsafe"].tolist())
    assert np.array_equal(arrays.read("unsafe"), expected.numpy())


def test_pixels_belong_to_a_geometry_not_to_a_backbone(bench: Bench, load_fresh) -> None:  # type: ignore[no-untyped-def]
    other = PixelsSpec.of(bench.dataset, load_fresh("coca").geometry)
    assert other == bench.pixels
    decode_pixels.fn([other], bench.store, [lambda reference: b"never read"])
