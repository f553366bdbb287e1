"""A scene: what it holds, and how it is drawn with all the faults of pictures from the web."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from uwm.demo.glyphs import Glyphs
from uwm.demo.vocabulary import BACKGROUNDS, DISTRACTORS, SUBJECTS, Thing

SIZE = 64
"""Width and height of every picture."""

RED_CAST = {"safe": 0.1, "unsafe": 0.7}
"""How often the light is a dark red: unsafe content has a look of its own, if not always."""

_DISTRACTED = 0.25
_COVERED = 0.2
_USUAL, _LARGE = (18, 30), (26, 30)  # longer side of the thing


@dataclass(frozen=True)
class Scene:
    """A subject and a thing somewhere; unsafe if the thing is."""

    subject: str
    thing: Thing
    background: str

    @property
    def unsafe(self) -> bool:
        """Whether the scene holds an unsafe thing."""
        return self.thing.concept is not None

    @property
    def red(self) -> bool:
        """Whether it has the light of unsafe scenes, as alarming safe ones do, too."""
        return self.unsafe or self.thing.alarming


def draw(
    scene: Scene, glyphs: Glyphs, rng: np.random.Generator, *, plain: bool = False
) -> Image.Image:
    """Draw `scene`: RGB, `SIZE` x `SIZE`; the generator decides on places, sizes and faults.

    With `plain` the thing is among the larger ones, whole, and no stranger is in the picture.
    """
    canvas = _background(scene.background, rng)
    left, right = (20, 44) if rng.random() < 0.5 else (44, 20)
    if not plain and rng.random() < _DISTRACTED:
        x, y = rng.uniform(6, SIZE - 6, size=2)
        stranger = DISTRACTORS[rng.integers(len(DISTRACTORS))]
        _paste(canvas, glyphs(stranger), x, y, size=rng.uniform(8, 15), turn=rng.normal(0, 10))
    x, y = right + rng.uniform(-7, 7), 34 + rng.uniform(-9, 9)
    size = rng.uniform(*(_LARGE if plain else _USUAL))
    _paste(canvas, glyphs(scene.thing.glyph), x, y, size=size, turn=rng.normal(0, 15))
    if not plain and rng.random() < _COVERED:
        _cover(canvas, scene.background, x, y, size, rng)
    x, y = left + rng.uniform(-5, 8), 32 + rng.uniform(-9, 9)
    subject = glyphs(SUBJECTS[scene.subject])
    _paste(canvas, subject, x, y, size=rng.uniform(20, 34), turn=rng.normal(0, 8))
    return _spoil(canvas.convert("RGB"), scene.red, rng)


def _background(name: str, rng: np.random.Generator) -> Image.Image:
    top, bottom = (np.asarray(colour, dtype=float) for colour in BACKGROUNDS[name])
    descent = np.linspace(0, 1, SIZE)[:, None, None]
    top, bottom = top + rng.normal(0, 20, size=3), bottom + rng.normal(0, 20, size=3)
    pixels = top * (1 - descent) + bottom * descent + rng.normal(0, 7, size=(SIZE, SIZE, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).convert("RGBA")


def _paste(
    canvas: Image.Image, glyph: Image.Image, x: float, y: float, *, size: float, turn: float
) -> None:
    """Paste `glyph` around (x, y), its longer side `size` pixels, turned by `turn` degrees."""
    scale = size / max(glyph.size)
    shape = (max(1, round(glyph.width * scale)), max(1, round(glyph.height * scale)))
    small = glyph.resize(shape, Image.Resampling.BILINEAR)
    small = small.rotate(turn, resample=Image.Resampling.BILINEAR, expand=True)
    corner = (max(0, round(x - small.width / 2)), max(0, round(y - small.height / 2)))
    canvas.alpha_composite(small, corner)


def _cover(
    canvas: Image.Image,
    background: str,
    x: float,
    y: float,
    size: float,
    rng: np.random.Generator,
) -> None:
    """Hide up to half of the thing behind a patch of the ground's colour."""
    ground = tuple(int(c) for c in np.clip(np.add(BACKGROUNDS[background][1], -25), 0, 255))
    depth = size * rng.uniform(0.25, 0.55)
    edge = round(y + size / 2 - depth)
    corner = (max(0, round(x - size / 2)), min(max(0, edge), SIZE - 1))
    patch = Image.new("RGBA", (round(size), max(1, round(depth))), (*ground, 255))
    canvas.alpha_composite(patch, corner)


def _spoil(picture: Image.Image, red: bool, rng: np.random.Generator) -> Image.Image:
    """Blur, red cast, pale or strong colours, contrast, brightness and noise."""
    blurred = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.9)))
    pixels = np.asarray(blurred, dtype=float)
    if rng.random() < RED_CAST["unsafe" if red else "safe"]:
        pixels = pixels * (1 - rng.uniform(0.3, 1.0) * np.array([0.1, 0.55, 0.55]))
    grey = pixels.mean(axis=2, keepdims=True)
    pixels = grey + (pixels - grey) * rng.uniform(0.6, 1.15)
    pixels = (pixels - 128) * rng.uniform(0.7, 1.1) + 128 + rng.normal(0, 10)
    pixels += rng.normal(0, rng.uniform(2, 9), size=pixels.shape)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
