"""Pictures of random pixels, and their files."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image


def noise(size: tuple[int, int] = (8, 6), seed: int = 0) -> Image.Image:
    """A picture of random pixels; size is (width, height)."""
    shape = (size[1], size[0], 3)
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))


def encoded(format: str, image: Image.Image | None = None, **options: Any) -> bytes:
    """The bytes of a picture file."""
    buffer = io.BytesIO()
    (image or noise()).save(buffer, format=format, **options)
    return buffer.getvalue()
