"""Two independent drawing styles of the same emoji, read at build time only."""

import subprocess
import tarfile
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Protocol

from PIL import Image, ImageDraw, ImageFont

NOTO_FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
"""Where Debian's package `fonts-noto-color-emoji` puts the first style."""

FLUENT_PACKAGE = "@lobehub/fluent-emoji-3d@1.1.0"
"""The npm package with the second style: Microsoft's Fluent Emoji as 256-pixel WebP files."""

_BITMAP_SIZE = 109  # the one size at which the font holds its colour bitmaps


class GlyphMissingError(LookupError):
    """The chosen style has no picture of an emoji."""


class Glyphs(Protocol):
    """A style: an emoji to its picture, RGBA, cropped to what is drawn."""

    def __call__(self, emoji: str, /) -> Image.Image: ...


@dataclass(frozen=True)
class Noto:
    """The first style, Noto Color Emoji."""

    font: Path = NOTO_FONT

    def __call__(self, emoji: str, /) -> Image.Image:
        return _from_font(self.font, emoji)


@dataclass(frozen=True)
class Fluent:
    """The second style, Fluent Emoji, from the unpacked npm package `FLUENT_PACKAGE`."""

    package: Path

    def __call__(self, emoji: str, /) -> Image.Image:
        return _from_folder(self.package / "assets", emoji)


def fetch_fluent(folder: Path) -> Fluent:
    """Fetch the second style into `folder` with npm, or find it there from an earlier time."""
    package = folder / "package"  # the top folder of every npm archive
    if not package.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        pack = subprocess.run(  # noqa: S603 - a fixed command
            ["npm", "pack", "--silent", FLUENT_PACKAGE],  # noqa: S607 - npm lies where it lies
            cwd=folder,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        with tarfile.open(folder / pack.stdout.split()[-1]) as archive:
            archive.extractall(folder, filter="data")
    return Fluent(package)


@lru_cache(maxsize=1)
def _face(font: Path) -> ImageFont.FreeTypeFont:
    if not font.is_file():
        raise FileNotFoundError(f"{font} is missing: apt-get install fonts-noto-color-emoji")
    return ImageFont.truetype(str(font), _BITMAP_SIZE)


@cache
def _from_font(font: Path, emoji: str) -> Image.Image:
    canvas = Image.new("RGBA", (160, 160))
    ImageDraw.Draw(canvas).text((8, 8), emoji, font=_face(font), embedded_color=True)
    return _cropped(canvas, emoji)


@cache
def _from_folder(assets: Path, emoji: str) -> Image.Image:
    if not assets.is_dir():
        raise FileNotFoundError(f"{assets} is missing: see fetch_fluent")
    code = "-".join(f"{ord(character):x}" for character in emoji)
    for name in (code, f"{code}-fe0f", code.removesuffix("-fe0f")):
        if (assets / f"{name}.webp").is_file():
            with Image.open(assets / f"{name}.webp") as picture:
                return _cropped(picture.convert("RGBA"), emoji)
    raise GlyphMissingError(f"{assets} holds no picture of {emoji} ({code})")


def _cropped(picture: Image.Image, emoji: str) -> Image.Image:
    box = picture.getbbox()
    if box is None:
        raise GlyphMissingError(f"the style draws nothing for {emoji}")
    return picture.crop(box)
