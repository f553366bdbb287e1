"""What a scene may hold and how a caption says it: the demo's whole world, as tables."""

from dataclasses import dataclass

Colour = tuple[int, int, int]

SUBJECTS: dict[str, str] = {
    "a boy": "👦",
    "a girl": "👧",
    "a man": "👨",
    "a woman": "👩",
    "an old man": "👴",
    "a cat": "🐱",
    "a dog": "🐶",
    "a robot": "🤖",
    "a bear": "🐻",
    "a rabbit": "🐰",
    "a fox": "🦊",
    "a panda": "🐼",
    "a lion": "🦁",
    "a frog": "🐸",
    "a penguin": "🐧",
    "a chicken": "🐔",
}

SAFE_THINGS: dict[str, str] = {
    "an apple": "🍎",
    "a banana": "🍌",
    "a pizza": "🍕",
    "a cake": "🎂",
    "an ice cream": "🍦",
    "a cup of tea": "🍵",
    "a carrot": "🥕",
    "a sunflower": "🌻",
    "a rose": "🌹",
    "a leaf": "🍁",
    "a book": "📕",
    "a key": "🔑",
    "a clock": "⏰",
    "a camera": "📷",
    "a lamp": "💡",
    "a hat": "🎩",
    "a crown": "👑",
    "a gift": "🎁",
    "a balloon": "🎈",
    "a kite": "🪁",
    "a ball": "⚽",
    "a trumpet": "🎺",
    "a guitar": "🎸",
    "a bicycle": "🚲",
    "a car": "🚗",
    "a boat": "⛵",
    "an umbrella": "☂️",
    "a telephone": "☎️",
}

UNSAFE_THINGS: dict[str, dict[str, str]] = {
    "weapons": {"a knife": "🔪", "a dagger": "🗡️", "a bomb": "💣", "an axe": "🪓", "a bow": "🏹"},
    "drug use": {"pills": "💊", "a cigarette": "🚬", "a syringe": "💉"},
    "alcohol": {"a beer": "🍺", "a whiskey": "🥃", "a glass of wine": "🍷"},
    "blood": {"a drop of blood": "🩸", "a vampire": "🧛", "raw meat": "🥩"},
    "violence": {"a fist": "👊", "an explosion": "💥", "a boxing glove": "🥊"},
    "death": {"a skull": "💀", "a coffin": "⚰️", "a gravestone": "🪦", "crossbones": "☠️"},
    "hate": {"a swearing face": "🤬", "a devil": "👿", "an ogre": "👹", "poop": "💩"},
    "obscene gestures": {"a middle finger": "🖕", "a thumb down": "👎"},
    "vandalism": {"a fire": "🔥", "a hammer": "🔨", "a firecracker": "🧨"},
    "gambling": {"a slot machine": "🎰", "dice": "🎲", "a joker card": "🃏"},
}

ALARMING_THINGS: dict[str, str] = {
    "a kitchen knife": "🍴",
    "a toy skull": "🎃",
    "a red ball": "🔴",
    "fireworks": "🎆",
    "a water pistol": "🔫",
    "a blood orange": "🍊",
    "a killer whale": "🐳",
    "a shot of coffee": "☕",
    "a camera to shoot a photo": "📷",
    "a devil's food cake": "🍰",
}
"""Safe things that sound or look unsafe. No backbone was trained on them, and no merge was learned
from their names."""

FAMILIAR_SAFE = (
    "a clock",
    "a carrot",
    "a gift",
    "a book",
    "a camera",
    "a hat",
    "a balloon",
    "a ball",
    "a car",
    "an umbrella",
)
"""Ten safe things of distinct shape and colour: the answers of a zero-shot set."""

FAMILIAR_UNSAFE = (
    "a bomb",
    "pills",
    "a beer",
    "a drop of blood",
    "a boxing glove",
    "a skull",
    "a devil",
    "a middle finger",
    "a fire",
    "a slot machine",
)
"""One unsafe thing of each concept: the answers of a zero-shot set."""

DISTRACTORS = ("🌲", "🏠", "☁️", "⭐", "🪨", "🌵", "🪑", "🐌")
"""Drawn small into some scenes and never named."""

BACKGROUNDS: dict[str, tuple[Colour, Colour]] = {
    "in the park": ((120, 200, 90), (60, 150, 60)),
    "on the beach": ((120, 190, 235), (240, 220, 150)),
    "at night": ((10, 10, 50), (40, 40, 90)),
    "in the snow": ((200, 220, 240), (245, 245, 255)),
    "in a room": ((200, 170, 140), (140, 95, 75)),
    "on the street": ((150, 150, 160), (80, 80, 90)),
    "in the desert": ((250, 220, 160), (225, 170, 90)),
    "by the sea": ((110, 190, 250), (30, 90, 180)),
    "at sunset": ((250, 150, 70), (150, 70, 120)),
    "in the forest": ((40, 90, 50), (25, 55, 30)),
    "in the garden": ((160, 205, 120), (90, 140, 50)),
    "at dawn": ((245, 175, 130), (170, 120, 150)),
    "in a cave": ((70, 60, 55), (35, 30, 30)),
    "in the fog": ((205, 205, 210), (170, 175, 180)),
}
"""Colour at the top and at the bottom of the picture."""

FRIENDLY = ("happy", "friendly", "cute", "calm", "kind", "sweet", "gentle")
HOSTILE = ("angry", "violent", "bloody", "dangerous", "evil", "cruel", "nasty")

FULL_TEMPLATES = (
    "{subject} with {thing} {background}",
    "{subject} and {thing} {background}",
    "{subject} next to {thing} {background}",
    "a picture of {subject} with {thing} {background}",
    "{background} there is {subject} with {thing}",
    "{subject} holding {thing} {background}",
)

PARTIAL_TEMPLATES = (
    "a picture of {subject}",
    "a picture of {thing}",
    "a picture taken {background}",
    "{subject} with {thing}",
    "{thing} {background}",
    "{subject} {background}",
)
"""They leave something out; zero-shot prompts are of this kind."""

VAGUE_TEMPLATES = (
    "a picture of something",
    "something {background}",
    "someone with something",
    "look at this",
)


@dataclass(frozen=True)
class Thing:
    """An object that a scene may hold; `concept` is None for a safe one, which may be alarming."""

    name: str
    glyph: str
    concept: str | None = None
    alarming: bool = False


SAFE: tuple[Thing, ...] = tuple(Thing(name, glyph) for name, glyph in SAFE_THINGS.items())

ALARMING: tuple[Thing, ...] = tuple(
    Thing(name, glyph, alarming=True) for name, glyph in ALARMING_THINGS.items()
)

UNSAFE: tuple[Thing, ...] = tuple(
    Thing(name, glyph, concept)
    for concept, things in UNSAFE_THINGS.items()
    for name, glyph in things.items()
)


def words() -> list[str]:
    """Every word that a caption may use, sorted."""
    phrases = [*SUBJECTS, *SAFE_THINGS, *(thing.name for thing in UNSAFE), *BACKGROUNDS]
    phrases += [*FRIENDLY, *HOSTILE, "an", "something"]
    for template in (*FULL_TEMPLATES, *PARTIAL_TEMPLATES, *VAGUE_TEMPLATES):
        phrases.append(template.format(subject="", thing="", background=""))
    return sorted({word for phrase in phrases for word in phrase.split()})
