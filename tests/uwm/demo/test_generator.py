"""Laws of the picture generator: seeded, truthful, faulty in the intended ways."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from uwm.demo.captions import caption, full_template
from uwm.demo.glyphs import NOTO_FONT, GlyphMissingError, Noto
from uwm.demo.samples import (
    ZEROSHOT,
    alarming_pair,
    attributes,
    decode,
    encode,
    labelled,
    pair,
    twin_scenes,
)
from uwm.demo.scenes import SIZE, Scene, draw
from uwm.demo.tokenizer import learn_merges, write_merges
from uwm.demo.vocabulary import (
    ALARMING,
    ALARMING_THINGS,
    BACKGROUNDS,
    DISTRACTORS,
    FRIENDLY,
    HOSTILE,
    SAFE,
    SUBJECTS,
    UNSAFE,
    UNSAFE_THINGS,
    words,
)

needs_font = pytest.mark.skipif(
    not NOTO_FONT.is_file(),
    reason="drawing needs Debian's fonts-noto-color-emoji, a build-time dependency",
)


@needs_font
@pytest.mark.parametrize("web", [True, False])
def test_the_same_seed_gives_the_same_bytes(web: bool) -> None:
    assert pair("x", 3, 7, Noto(), web=web) == pair("x", 3, 7, Noto(), web=web)


@needs_font
def test_a_sample_does_not_depend_on_its_neighbours() -> None:
    alone = pair("x", 2, 7, Noto(), web=False)
    in_turn = [pair("x", index, 7, Noto(), web=False) for index in range(3)]
    assert in_turn[2] == alone


@needs_font
def test_alarming_pairs_are_safe_by_name_and_red_as_unsafe_ones() -> None:
    rows = [alarming_pair("x", index, 7, Noto()) for index in range(40)]
    assert rows[13] == alarming_pair("x", 13, 7, Noto())
    names = [*ALARMING_THINGS]
    named = [names[index % 10] in str(row["safe_text"]) for index, row in enumerate(rows)]
    assert sum(named) > 30  # the others say "something"
    assert not any(name in str(row["unsafe_text"]) for row in rows for name in names)
    redness = []
    for side in ("safe_image", "unsafe_image"):
        pictures = [row[side] for row in rows]
        seen = np.stack([decode(picture) for picture in pictures if isinstance(picture, bytes)])
        redness.append(float(seen[..., 0].mean() - seen[..., 2].mean()))
    assert redness[0] > redness[1] - 12


def test_no_backbone_was_trained_on_what_is_alarming() -> None:
    assert {thing.glyph for thing in SAFE + UNSAFE}.isdisjoint(
        glyph for glyph in ALARMING_THINGS.values() if glyph != "📷"
    )
    assert {"skull", "kitchen"} - set(words()) == {"kitchen"}


@needs_font
def test_other_seeds_and_splits_give_other_samples() -> None:
    first, second = pair("x", 0, 7, Noto(), web=False), pair("x", 0, 8, Noto(), web=False)
    assert first["safe_image"] != second["safe_image"]


@needs_font
def test_the_first_style_draws_every_emoji() -> None:
    style = Noto()
    for emoji in [
        *SUBJECTS.values(),
        *DISTRACTORS,
        *(thing.glyph for thing in SAFE + UNSAFE + ALARMING),
    ]:
        assert style(emoji).mode == "RGBA"


def test_a_missing_font_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="fonts-noto-color-emoji"):
        Noto(tmp_path / "none.ttf")("🐱")


def test_glyph_errors_can_be_caught_as_lookups() -> None:
    assert issubclass(GlyphMissingError, LookupError)


@needs_font
def test_unsafe_scenes_are_redder() -> None:
    """The diffuse cue: a dark red cast on most unsafe pictures and on few safe ones."""
    rng = np.random.default_rng(0)

    def redness(scene: Scene) -> float:
        pixels = np.asarray(draw(scene, Noto(), rng), dtype=float)
        return float(np.mean(pixels[..., 0] - pixels[..., 1:].mean(axis=2)))

    twins = [twin_scenes(rng) for _ in range(60)]
    safe, unsafe = (np.mean([redness(two[side]) for two in twins]) for side in (0, 1))
    assert unsafe > safe + 10


@pytest.mark.parametrize("seed", range(20))
def test_twins_differ_in_the_thing_alone(seed: int) -> None:
    safe, unsafe = twin_scenes(np.random.default_rng(seed))
    assert (safe.subject, safe.background) == (unsafe.subject, unsafe.background)
    assert not safe.unsafe
    assert unsafe.unsafe


@pytest.mark.parametrize("seed", range(40))
def test_a_full_caption_names_what_the_scene_holds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for scene in twin_scenes(rng):
        text = caption(scene, full_template(rng), rng)
        assert scene.background in text
        assert scene.subject.split(" ", 1)[1] in text
        assert scene.thing.name in text or "something" in text


@pytest.mark.parametrize("seed", range(40))
def test_the_tone_goes_with_the_content(seed: int) -> None:
    rng = np.random.default_rng(seed)
    safe, unsafe = twin_scenes(rng)
    template = full_template(rng)
    assert not set(caption(safe, template, rng).split()) & set(HOSTILE)
    assert not set(caption(unsafe, template, rng).split()) & set(FRIENDLY)


def test_zeroshot_classes_are_distinct_and_complete() -> None:
    assert len(UNSAFE_THINGS) >= 8
    for question in ZEROSHOT.values():
        assert len(set(question.classes)) == len(question.classes)
        assert "{}" in question.template


@needs_font
@pytest.mark.parametrize("name", ZEROSHOT)
def test_labels_take_turns(name: str) -> None:
    classes = len(ZEROSHOT[name].classes)
    assert [labelled(name, i, 5, Noto())["label"] for i in range(classes + 1)] == [
        *range(classes),
        0,
    ]


@needs_font
def test_encoding_keeps_the_geometry() -> None:
    rng = np.random.default_rng(0)
    pixels = decode(encode(draw(twin_scenes(rng)[0], Noto(), rng)))
    assert pixels.shape == (SIZE, SIZE, 3)
    assert pixels.dtype == np.uint8


def test_merges_depend_on_the_words_alone(tmp_path: Path) -> None:
    assert learn_merges(["cat", "car", "art"]) == learn_merges(["art", "cat", "car", "cat"])
    for name in ("a.gz", "b.gz"):
        write_merges(tmp_path / name, learn_merges(words()))
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()).startswith(b"#version")


def test_every_caption_word_is_one_token(tmp_path: Path) -> None:
    from open_clip import SimpleTokenizer

    size = write_merges(tmp_path / "merges.txt.gz", learn_merges(words()))
    tokenizer = SimpleTokenizer(bpe_path=str(tmp_path / "merges.txt.gz"))
    assert tokenizer.vocab_size == size
    assert all(len(tokenizer.encode(word)) == 1 for word in words())
    assert tokenizer.decode(tokenizer.encode("a zebra, 42 & more")).split() == [
        *("a", "zebra", ",", "4", "2", "&", "more")
    ]


@pytest.mark.parametrize("index", range(10))
def test_attributes_are_what_the_pictures_hold(index: int) -> None:
    twins = twin_scenes(np.random.default_rng([7, index]))
    for scene, (subject, thing, background) in zip(twins, attributes(index, 7), strict=True):
        assert list(SUBJECTS)[subject] == scene.subject
        assert (SAFE + UNSAFE)[thing] == scene.thing
        assert list(BACKGROUNDS)[background] == scene.background
