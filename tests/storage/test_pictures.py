import io

import numpy as np
import pytest
from PIL import Image

from storage import pictures
from storage.pictures import decode
from uwm.errors import SourceError


def encoded(format: str, size: tuple[int, int] = (8, 6)) -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, format=format)
    return buffer.getvalue()


@pytest.mark.parametrize("format", pictures.FORMATS)
def test_known_formats_are_read(format: str) -> None:
    assert decode(encoded(format), "one").size == (8, 6)


@pytest.mark.parametrize(
    "data", [b"", b"not a picture", encoded("BMP"), encoded("PNG")[:-30], encoded("JPEG")[:100]]
)
def test_anything_else_is_named(data: bytes) -> None:
    with pytest.raises(SourceError, match=r"cat\.png is not a readable picture"):
        decode(data, "cat.png")


def test_a_picture_that_is_too_large_is_refused_before_it_is_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pictures, "MAX_PIXELS", 47)
    with pytest.raises(SourceError, match="8x6 pixels; the limit is 47"):
        decode(encoded("PNG"), "cat.png")
