"""Small pictures for pages: clear ones, or ones that tell nothing but their colours."""

from __future__ import annotations

import base64
import io

from PIL import Image

from storage.files.pictures import decode

SIDE = 168
_BLURRED = 6


def thumbnail(data: bytes, name: str, *, clear: bool) -> str:
    """A picture's middle square as a `data:` URL.

    Args:
        clear: 168 pixels a side; else 6, and no more is in the URL: whatever a page does with it,
            the picture cannot be made out.

    Raises:
        SourceError: as `storage.files.pictures.decode`.
    """
    image = decode(data, name)
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side)).convert("RGB")
    size = SIDE if clear else _BLURRED
    small = square.resize((size, size), Image.Resampling.BOX if not clear else None)
    buffer = io.BytesIO()
    small.save(buffer, format="JPEG" if clear else "PNG", quality=80)
    kind = "jpeg" if clear else "png"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
