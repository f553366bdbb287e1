"""Pictures from untrusted bytes."""

from __future__ import annotations

import io

from PIL import Image, UnidentifiedImageError

from uwm.errors import SourceError

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_PIXELS = 50_000_000


def decode(data: bytes, name: str) -> Image.Image:
    """The picture in `data`, fully decoded.

    Raises:
        SourceError: not a whole picture of a known format, or one of more than 50 megapixels;
            `name` says which.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        if image.width * image.height > MAX_PIXELS:
            raise SourceError(
                f"{name} has {image.width}x{image.height} pixels; the limit is {MAX_PIXELS}. "
                "Scale it down or leave it out."
            )
        image.load()
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        reason = "unknown format" if isinstance(error, UnidentifiedImageError) else error
        raise SourceError(
            f"{name} is not a readable picture ({', '.join(FORMATS)}): {reason}. "
            "Replace it or leave its row out."
        ) from error
    return image
