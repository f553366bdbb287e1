import re

from storage.sources.zeroshot.imagenet import class_names, ensemble


def test_classes_are_1000_wordnet_ids_in_label_order() -> None:
    ids = list(class_names())
    assert len(ids) == 1000
    assert ids == sorted(ids)
    assert all(re.fullmatch(r"n\d{8}", id) for id in ids)


def test_names_belong_to_their_ids() -> None:
    names = class_names()
    assert (names["n01440764"], names["n02123045"]) == ("tench", "tabby cat")
    assert names["n15075141"] == "toilet paper"


def test_templates_have_one_place_for_the_name() -> None:
    assert len(set(ensemble())) == 80
    assert all(template.count("{}") == 1 for template in ensemble())
