import pytest

from storage.sources.zeroshot.labelled import Pictures, in_order, labelled_source, own_names
from uwm.errors import SourceError


def pictures(references: str, labels: str) -> Pictures:
    return Pictures(list(references), list(labels), sorted(set(labels)), read=str.encode)


def test_a_picture_that_comes_again_counts_as_often() -> None:
    source = labelled_source(pictures("abab", "xyxy"), ["one", "two"], ["{}"])
    assert source.images["images"].tolist() == ["a", "b"]
    assert source.rows.to_dict("list") == {"label": [0, 1], "times": [2, 2]}


def test_one_picture_under_two_labels_stays_two_samples() -> None:
    source = labelled_source(pictures("aa", "xy"), ["one", "two"], ["{}"])
    assert source.rows.to_dict("list") == {"label": [0, 1], "times": [1, 1]}


def test_prompts_know_their_class() -> None:
    source = labelled_source(pictures("ab", "xy"), ["one", "two"], ["a {}.", "the {}."])
    for prompt, name, label in zip(
        source.texts["prompts"], source.classes["name"], source.classes["label"], strict=True
    ):
        assert name in prompt
        assert name == ["one", "two"][label]


@pytest.mark.parametrize(
    ("labels", "expected"), [(["10", "9", "9"], ["9", "10"]), (["b", "a", "10"], ["10", "a", "b"])]
)
def test_numbers_are_ordered_by_value(labels: list[str], expected: list[str]) -> None:
    assert in_order(labels) == expected


def test_a_name_is_its_label_unless_given() -> None:
    assert own_names(["a_cat", "dog"], None, "pets") == ["a cat", "dog"]
    given = (("dog", "a dog"), ("a_cat", "the cat"))
    assert own_names(["a_cat", "dog"], given, "pets") == ["the cat", "a dog"]
    with pytest.raises(SourceError, match="first 'cow'"):
        own_names(["a_cat", "cow"], given, "pets")
