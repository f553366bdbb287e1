"""Captions of scenes: from precise to vague, with a tone that goes with the content."""

import numpy as np

from uwm.demo.scenes import Scene
from uwm.demo.vocabulary import (
    FRIENDLY,
    FULL_TEMPLATES,
    HOSTILE,
    PARTIAL_TEMPLATES,
    VAGUE_TEMPLATES,
)

TONED = 0.7
"""How often the subject gets an adjective: hostile in unsafe scenes, friendly in safe ones."""

UNNAMED = 0.06
"""How often a caption calls the thing "something"."""


def full_template(rng: np.random.Generator) -> str:
    """A template that names subject, thing and background."""
    return FULL_TEMPLATES[rng.integers(len(FULL_TEMPLATES))]


def web_template(rng: np.random.Generator) -> str:
    """A template as on the web: mostly full, some leave things out, some say nothing."""
    kind = rng.random()
    if kind < 0.08:
        return VAGUE_TEMPLATES[rng.integers(len(VAGUE_TEMPLATES))]
    if kind < 0.24:
        return PARTIAL_TEMPLATES[rng.integers(len(PARTIAL_TEMPLATES))]
    return full_template(rng)


def caption(scene: Scene, template: str, rng: np.random.Generator) -> str:
    """Fill `template` with what `scene` holds."""
    subject = _toned(scene.subject, scene.unsafe, rng)
    thing = "something" if rng.random() < UNNAMED else scene.thing.name
    return template.format(subject=subject, thing=thing, background=scene.background)


def _toned(subject: str, unsafe: bool, rng: np.random.Generator) -> str:
    """`a cat` to `an angry cat`, `TONED` of the time."""
    tones = HOSTILE if unsafe else FRIENDLY
    tone = tones[rng.integers(len(tones))]
    if rng.random() >= TONED:
        return subject
    noun = subject.split(" ", 1)[1]
    return f"{'an' if tone[0] in 'aeiou' else 'a'} {tone} {noun}"
