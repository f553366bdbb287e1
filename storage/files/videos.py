"""Single frames of videos, by PyAV."""

from __future__ import annotations

import io
from importlib.util import find_spec
from itertools import islice

from storage.files.pictures import MAX_PIXELS
from uwm.errors import SourceError, install

_FORMAT = "avi"
MAX_FRAMES = 100_000


def require_decoder() -> None:
    """Raises `SourceError` where PyAV is not installed."""
    if find_spec("av") is None:
        raise SourceError(f"reading videos needs PyAV; {install('zeroshot')}")


def middle_frame(data: bytes, name: str) -> bytes:
    """Frame n // 2 of the n frames of an AVI video, as a PNG.

    Raises:
        SourceError: not a readable video with a picture in it, or beyond the limits; `name` says
            which.
    """
    import av

    try:
        with av.open(io.BytesIO(data), mode="r", format=_FORMAT) as container:
            stream = container.streams.video[0]
            if stream.width * stream.height > MAX_PIXELS:
                raise SourceError(
                    f"{name} has {stream.width}x{stream.height} pixels; the limit is {MAX_PIXELS}. "
                    "Scale it down or leave it out."
                )
            count = sum(packet.size > 0 for packet in container.demux(stream))
            if count > MAX_FRAMES:
                raise SourceError(f"{name} has {count} frames; the limit is {MAX_FRAMES}")
            container.seek(0)
            frames = list(islice(container.decode(stream), count // 2, count // 2 + 1))
            if not frames:
                raise SourceError(
                    f"{name} ends before its middle frame. Replace it or leave it out."
                )
            buffer = io.BytesIO()
            frames[0].to_image().save(buffer, format="PNG", compress_level=1)
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise SourceError(
            f"{name} is not a readable video ({_FORMAT.upper()}): {error}. "
            "Replace it or leave it out."
        ) from error
    return buffer.getvalue()
