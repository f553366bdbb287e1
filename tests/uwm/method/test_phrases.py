"""Generic phrases are of the captions' words, each once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from uwm.method.phrases import generic_phrases, preserved_phrases


@given(st.lists(st.text(max_size=30), max_size=5))
def test_neither_order_nor_repetition_of_captions_matters(captions: list[str]) -> None:
    found = generic_phrases(captions)
    assert found == generic_phrases([*reversed(captions), *captions])
    assert len(found) == len(set(found))


def test_words_are_lower_case_without_punctuation_and_not_too_short() -> None:
    found = generic_phrases(["A well-lit DOG's bed, at 10 m (Größe)!"])
    assert [phrase for phrase in found if " " not in phrase] == [
        "bed",
        "dog's",
        "größe",
        "well-lit",
    ]
    assert "a picture of a bed" in found


def test_given_phrases_stand_beside_those_of_words_or_alone() -> None:
    assert preserved_phrases(["red"], ["my own", "red"]) == ["a picture of a red", "my own", "red"]
    assert preserved_phrases(["red"], ["b", "a"], words=False) == ["a", "b"]
    assert preserved_phrases(["red"], words=False) == []
