"""Single samples of the sets: a quadruple, or a labelled picture."""

from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np
from PIL import Image

from uwm.demo.captions import caption, full_template, web_template
from uwm.demo.glyphs import Glyphs
from uwm.demo.scenes import Scene, draw
from uwm.demo.vocabulary import (
    ALARMING,
    BACKGROUNDS,
    FAMILIAR_SAFE,
    FAMILIAR_UNSAFE,
    SAFE,
    SUBJECTS,
    UNSAFE,
    UNSAFE_THINGS,
)

Row = dict[str, object]
"""One row of a Parquet set, by column."""

MISMATCHED = 0.06
"""How often a training picture carries the caption of another scene."""

ATTRIBUTE_CLASSES = (len(SUBJECTS), len(SAFE) + len(UNSAFE), len(BACKGROUNDS))
"""How many subjects, things and backgrounds there are."""

_SUBJECTS, _BACKGROUNDS = tuple(SUBJECTS), tuple(BACKGROUNDS)
_THINGS = {thing.name: thing for thing in SAFE + UNSAFE}
_WEBP_QUALITY = 80


@dataclass(frozen=True)
class ZeroShotSet:
    """A question with fixed answers: which of `classes` fills `template` best?"""

    template: str
    classes: tuple[str, ...]


ZEROSHOT: dict[str, ZeroShotSet] = {
    "subjects": ZeroShotSet("a picture of {}", tuple(SUBJECTS)),
    "objects": ZeroShotSet("a picture of {}", FAMILIAR_SAFE),
    "backgrounds": ZeroShotSet("a picture taken {}", tuple(BACKGROUNDS)),
    "unsafe_objects": ZeroShotSet("a picture of {}", FAMILIAR_UNSAFE),
}


def pair(split: str, index: int, seed: int, glyphs: Glyphs, *, web: bool) -> Row:
    """Quadruple `index` of `split`: twin scenes that differ in the thing, and their captions.

    Every sample has a generator of its own, so it does not depend on its neighbours. With `web`
    the captions are as careless as training data: vague, incomplete, now and then mismatched.
    """
    rng = np.random.default_rng([seed, index])
    safe, unsafe = twin_scenes(rng)
    told = twin_scenes(rng) if web and rng.random() < MISMATCHED else (safe, unsafe)
    template = web_template(rng) if web else full_template(rng)
    return _row(split, index, (safe, unsafe), told, template, glyphs, rng)


def alarming_pair(split: str, index: int, seed: int, glyphs: Glyphs) -> Row:
    """Quadruple `index` of a split whose safe things take turns among the alarming ones."""
    rng = np.random.default_rng([seed, index])
    safe, unsafe = twin_scenes(rng)
    scenes = replace(safe, thing=ALARMING[index % len(ALARMING)]), unsafe
    return _row(split, index, scenes, scenes, full_template(rng), glyphs, rng)


def _row(
    split: str,
    index: int,
    scenes: tuple[Scene, Scene],
    told: tuple[Scene, Scene],
    template: str,
    glyphs: Glyphs,
    rng: np.random.Generator,
) -> Row:
    """Safe and unsafe scene drawn, with captions of the scenes that are told of."""
    safe, unsafe = scenes
    return {
        "id": f"{split}-{index:05d}",
        "concept": unsafe.thing.concept,
        "safe_text": caption(told[0], template, rng),
        "unsafe_text": caption(told[1], template, rng),
        "safe_image": encode(draw(safe, glyphs, rng)),
        "unsafe_image": encode(draw(unsafe, glyphs, rng)),
    }


def attributes(index: int, seed: int) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Subject, thing and background of both scenes of a quadruple, as class numbers.

    What the pictures truly hold, whatever their captions say; see `ATTRIBUTE_CLASSES`.
    """
    safe, unsafe = twin_scenes(np.random.default_rng([seed, index]))
    subject, background = _SUBJECTS.index(safe.subject), _BACKGROUNDS.index(safe.background)
    return (
        (subject, SAFE.index(safe.thing), background),
        (subject, len(SAFE) + UNSAFE.index(unsafe.thing), background),
    )


def labelled(name: str, index: int, seed: int, glyphs: Glyphs) -> Row:
    """Picture `index` of the zero-shot set `name`; labels take turns, so classes are even.

    Raises:
        ValueError: there is no set of this name.
    """
    rng = np.random.default_rng([seed, index])
    safe, unsafe = twin_scenes(rng)
    label = index % len(ZEROSHOT[name].classes)
    answer = ZEROSHOT[name].classes[label]
    match name:
        case "subjects":
            scene = Scene(answer, safe.thing, safe.background)
        case "objects":
            scene = Scene(safe.subject, _THINGS[answer], safe.background)
        case "backgrounds":
            scene = Scene(safe.subject, safe.thing, answer)
        case "unsafe_objects":
            scene = Scene(unsafe.subject, _THINGS[answer], unsafe.background)
        case _:
            raise ValueError(f"no zero-shot set is called {name!r}; there are {list(ZEROSHOT)}")
    return {"image": encode(draw(scene, glyphs, rng, plain=True)), "label": label}


def twin_scenes(rng: np.random.Generator) -> tuple[Scene, Scene]:
    """The same subject at the same place with a safe and with an unsafe thing."""
    subject = _choice(_SUBJECTS, rng)
    background = _choice(_BACKGROUNDS, rng)
    concept = _choice(tuple(UNSAFE_THINGS), rng)
    unsafe = tuple(thing for thing in UNSAFE if thing.concept == concept)
    return (
        Scene(subject, SAFE[rng.integers(len(SAFE))], background),
        Scene(subject, unsafe[rng.integers(len(unsafe))], background),
    )


def encode(picture: Image.Image) -> bytes:
    """Lossy WebP bytes."""
    buffer = BytesIO()
    picture.save(buffer, format="WEBP", quality=_WEBP_QUALITY, method=4)
    return buffer.getvalue()


def decode(picture: bytes) -> np.ndarray:
    """Encoded bytes to uint8 (height, width, 3)."""
    with Image.open(BytesIO(picture)) as image:
        return np.asarray(image.convert("RGB"))


def _choice(options: tuple[str, ...], rng: np.random.Generator) -> str:
    return options[rng.integers(len(options))]
