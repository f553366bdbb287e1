import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from storage.files import pictures
from storage.files.pictures import decode, fault
from tests.makers.pictures import encoded, noise
from uwm.errors import SourceError


def png(width: int, height: int, depth: int = 8, content: bytes = b"") -> bytes:
    """An RGB file of any header, which Pillow itself would not write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + checksum

    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(content)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@pytest.mark.parametrize("format", pictures.FORMATS)
def test_known_formats_are_read(format: str) -> None:
    assert decode(encoded(format), "one").size == (8, 6)
    assert fault(encoded(format)) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a picture",
        encoded("TIFF"),
        encoded("PPM"),
        encoded("PNG")[:-30],
        encoded("JPEG")[:100],
        png(0, 6),
        png(8, 6),
    ],
)
def test_anything_else_is_named(data: bytes) -> None:
    with pytest.raises(SourceError, match=r"cat\.png is not a readable picture"):
        decode(data, "cat.png")
    assert fault(data)


def test_a_picture_that_is_too_large_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(SourceError, match="8000x8000 pixels; the limit is 50000000"):
        decode(png(8000, 8000), "cat.png")
    assert "exceeds limit" in (fault(png(50_000, 50_000)) or "")


def test_a_file_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded("PNG")
    monkeypatch.setattr(pictures, "MAX_BYTES", len(data) - 1)
    assert fault(data) == f"{len(data)} bytes; the limit is {len(data) - 1}"


@pytest.mark.parametrize(("size", "fine"), [((100, 1), True), ((101, 1), False), ((1, 101), False)])
def test_a_line_of_pixels_is_refused(size: tuple[int, int], fine: bool) -> None:
    assert (fault(encoded("PNG", noise(size))) is None) == fine


def test_16_bits_of_grey_are_refused_and_of_colour_halved() -> None:
    grey = Image.fromarray(np.arange(48, dtype=np.uint16).reshape(6, 8) * 1000)
    assert "more than 8 bits" in (fault(encoded("PNG", grey)) or "")
    values = np.random.default_rng(0).integers(0, 2**16, (6, 8, 3), dtype=np.uint16)
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in values)
    image = decode(png(8, 6, depth=16, content=lines), "colour")
    assert np.array_equal(np.asarray(image), values >> 8)


@pytest.mark.parametrize(("format", "options"), [("PNG", {}), ("WEBP", {"lossless": True})])
def test_of_an_animation_the_first_frame_is_taken(format: str, options: dict[str, bool]) -> None:
    frames = [noise(seed=seed) for seed in range(3)]
    data = encoded(format, frames[0], save_all=True, append_images=frames[1:], **options)
    assert np.array_equal(np.asarray(decode(data, "moving").convert("RGB")), np.asarray(frames[0]))


BASES = [encoded(format) for format in pictures.FORMATS]
BASES += [encoded("PNG", noise().convert("P"), transparency=0), encoded("JPEG", noise((40, 30)))]


@settings(max_examples=300, deadline=None)
@given(
    base=st.sampled_from(BASES),
    changes=st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_damaged_bytes_give_a_picture_or_a_reason(
    base: bytes, changes: list[tuple[int, int]]
) -> None:
    data = bytearray(base)
    for place, value in changes:
        data[place % len(data)] = value
    found = fault(bytes(data))
    if found is None:
        decode(bytes(data), "cat").convert("RGB")
    else:
        with pytest.raises(SourceError, match="cat is not a readable picture"):
            decode(bytes(data), "cat")


def chunks(*parts: tuple[bytes, bytes]) -> bytes:
    """A PNG of any chunks."""
    made = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(made)


def header(width: int, height: int) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)


PIXEL = b"IDAT", zlib.compress(bytes(4))
END = b"IEND", b""
HUGE = zlib.compress(bytes(200 << 20), 9)
"""200 MiB of nothing in 200 kB."""
BOMBS = {
    "a PNG of 10^9 pixels": chunks(header(31_623, 31_623), (b"IDAT", HUGE), END),
    "a PNG of 4 billion by 4 billion": chunks(header(2**31 - 1, 2**31 - 1), PIXEL, END),
    "a PNG of no width": chunks(header(0, 8), PIXEL, END),
    "a line": chunks(header(100_000, 1), PIXEL, END),
    "a text that unpacks": chunks(header(1, 1), (b"zTXt", b"a\0\0" + HUGE), PIXEL, END),
    "an international text": chunks(header(1, 1), (b"iTXt", b"a\0\1\0\0\0" + HUGE), PIXEL, END),
    "a profile that unpacks": chunks(header(1, 1), (b"iCCP", b"a\0\0" + HUGE), PIXEL, END),
    "pixels that unpack": chunks(header(1, 1), (b"IDAT", HUGE), END),
    "a chunk of 2 GB": chunks(header(1, 1)) + struct.pack(">I", 2**31 - 1) + b"IDAT",
    "a GIF of 65,535 by 65,535": b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0) + b";",
    "a BMP of 2 billion": b"BM"
    + struct.pack(
        "<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 2**31 - 1, 2**31 - 1, 1, 24, 0, 0, 0, 0, 0, 0
    ),
    "a JPEG of 65,500 by 65,500": b"\xff\xd8\xff\xc0\0\x11\x08\xff\xdc\xff\xdc\x03"
    b"\x01\x11\0\x02\x11\0\x03\x11\0\xff\xda",
    "a WebP of 16,384 by 16,384": b"RIFF\x1a\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x3f\0\xff\x3f\0",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>',
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
    "PDF": b"%PDF-1.7\n1 0 obj<<>>endobj\n",
    "a zip": b"PK\x03\x04" + bytes(100),
    "HTML": b"<html><script>1</script></html>",
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_or_small(kind: str) -> None:
    """Whatever it claims or unpacks to; what is decoded has as many pixels as are allowed."""
    tracemalloc.start()
    try:
        found = fault(BOMBS[kind])
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 512 << 20
    if found is None:
        width, height = decode(BOMBS[kind], "x").size
        assert width * height <= pictures.MAX_PIXELS
    else:
        assert len(found) < 500


def test_of_an_animation_one_frame_is_decoded() -> None:
    frames = [noise((16, 16), seed=seed % 3) for seed in range(50)]
    data = encoded("GIF", frames[0], save_all=True, append_images=frames[1:], loop=0)
    assert decode(data, "moving").size == (16, 16)
