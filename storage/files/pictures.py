"""Pictures from untrusted bytes."""

from __future__ import annotations

import io

from PIL import Image, UnidentifiedImageError

from uwm.errors import SourceError
from uwm.git_lfs import REMEDY, is_pointer

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
MAX_PIXELS = 50_000_000
MAX_BYTES = 64 << 20
MAX_ASPECT = 100
"""A picture is resized by its shorter side: a line of pixels would grow without bound."""
_DEEP = {"I", "F", "I;16", "I;16L", "I;16B", "I;16N"}


class _UnusableError(Exception):
    """Why bytes are not a picture, without a name."""


def decode(data: bytes, name: str) -> Image.Image:
    """The picture in `data`, fully decoded; of an animation the first frame.

    It is turned by no EXIF tag and converted to no other mode: open_clip's transform does neither
    before it resizes.

    Raises:
        SourceError: not a whole picture of a known format, one beyond the limits above, or one of
            more than 8 bits per grey value; `name` says which.
    """
    try:
        return _decoded(data)
    except _UnusableError as error:
        raise SourceError(
            f"{name} is not a readable picture ({', '.join(FORMATS)}): {error}. "
            "Replace it or leave its row out."
        ) from error


def fault(data: bytes, *, quick: bool = False) -> str | None:
    """Why `decode` refuses `data`; None if it does not.

    Args:
        quick: decode a JPEG at an eighth of its size, which reads all of its bytes, too, in a
            fraction of the time; it may take a picture for whole whose damage lies in the details.
    """
    try:
        _decoded(data, quick=quick)
    except _UnusableError as error:
        return str(error)
    return None


def _decoded(data: bytes, *, quick: bool = False) -> Image.Image:
    if is_pointer(data):
        raise _UnusableError(f"it {REMEDY}")
    if len(data) > MAX_BYTES:
        raise _UnusableError(f"{len(data)} bytes; the limit is {MAX_BYTES}")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        _check(image)
        if quick:
            image.draft(None, (max(1, image.width // 8), max(1, image.height // 8)))
        image.load()
    except _UnusableError:
        raise
    except UnidentifiedImageError:
        raise _UnusableError("unknown format") from None
    # Decoders answer damaged bytes with errors of every kind.
    except Exception as error:
        raise _UnusableError(str(error) or type(error).__name__) from error
    return image


def _check(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise _UnusableError(
            f"{width}x{height} pixels; the limit is {MAX_PIXELS}. Scale it down or leave it out"
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise _UnusableError(
            f"{width}x{height} pixels; a side is at most {MAX_ASPECT} times as long as the other"
        )
    if image.mode in _DEEP:
        raise _UnusableError(
            f"mode {image.mode}, more than 8 bits per value, which open_clip's transform would "
            "clip to white. Save it with 8 bits"
        )
