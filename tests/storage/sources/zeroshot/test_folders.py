from pathlib import Path

import pytest

from storage.sources import content_digest, read_source
from tests.makers.zeroshot_layouts import picture
from uwm.config import FolderZeroShot
from uwm.errors import SourceError


def pets(folder: Path, *names: str, **changes: object) -> FolderZeroShot:
    for color, name in enumerate(names):
        picture(folder / name / "0.jpg", color)
    document = {"kind": "folder", "name": "pets", "images": folder, **changes}
    return FolderZeroShot.model_validate(document)


def test_a_folder_of_classes_is_a_zero_shot_set(tmp_path: Path) -> None:
    source = read_source(pets(tmp_path, "dog", "black_cat", ".cache"))
    assert source.texts["prompts"].tolist() == ["a photo of a black cat.", "a photo of a dog."]
    assert source.rows["label"].tolist() == [0, 1]
    assert source.images["images"].tolist() == ["black_cat/0.jpg", "dog/0.jpg"]
    assert source.classes["label"].tolist() == [0, 1]


def test_what_is_no_picture_is_counted(tmp_path: Path) -> None:
    config = pets(tmp_path, "cat", "dog")
    (tmp_path / "dog" / "notes.txt").write_text("no picture")
    (tmp_path / "dog" / ".DS_Store").write_text("the system's own")
    assert read_source(config).excluded == {"not a picture by its suffix": 1}


def test_what_a_mac_puts_beside_pictures_is_passed_over(tmp_path: Path) -> None:
    config = pets(tmp_path, "cat", "dog", "__MACOSX")
    (tmp_path / "dog" / "._0.jpg").write_bytes(b"\0\5\x16\7")
    source = read_source(config)
    assert source.images["images"].tolist() == ["cat/0.jpg", "dog/0.jpg"]
    assert source.excluded == {}


def test_names_and_templates_beside_the_data_are_used(tmp_path: Path) -> None:
    (tmp_path / "classnames.txt").write_text("black cat\ndog\n")
    (tmp_path / "zeroshot_classification_templates.txt").write_text("a {c}.\nthe {c}!\n")
    source = read_source(pets(tmp_path / "test", "0", "1"))
    assert source.texts["prompts"].tolist() == [
        *("a black cat.", "the black cat!"),
        *("a dog.", "the dog!"),
    ]
    said = read_source(pets(tmp_path / "test", classes=["cat", "hound"], template="{}"))
    assert said.texts["prompts"].tolist() == ["cat", "hound"]
    (tmp_path / "zeroshot_classification_templates.txt").write_text("a {c} or {c}.")
    with pytest.raises(SourceError, match=r"one \{c\} for the class name"):
        read_source(pets(tmp_path / "test"))


def test_names_beside_the_data_are_those_of_numbers(tmp_path: Path) -> None:
    (tmp_path / "classnames.txt").write_text("0\n1\n")
    source = read_source(pets(tmp_path / "test", "cat", "dog"))
    assert source.classes["name"].tolist() == ["cat", "dog"]


def test_several_templates_are_an_ensemble(tmp_path: Path) -> None:
    source = read_source(pets(tmp_path, "cat", "dog", template=["a {}.", "the {}!"]))
    assert source.texts["prompts"].tolist() == ["a cat.", "the cat!", "a dog.", "the dog!"]
    assert source.classes["label"].tolist() == [0, 0, 1, 1]
    assert source.classes["name"].tolist() == ["cat", "cat", "dog", "dog"]


def test_folders_may_have_names_of_their_own(tmp_path: Path) -> None:
    names = {"n02": "a dog", "n01": "a cat"}
    source = read_source(pets(tmp_path, "n01", "n02", template="{}", classes=names))
    assert source.texts["prompts"].tolist() == ["a cat", "a dog"]
    with pytest.raises(SourceError, match="1 that it does not name, first 'n03'"):
        read_source(pets(tmp_path, "n01", "n02", "n03", template="{}", classes=names))


def test_numbered_folders_are_numbers_and_need_names(tmp_path: Path) -> None:
    numbers = [str(number) for number in range(11)]
    source = read_source(pets(tmp_path, *numbers, classes=[f"class {n}" for n in numbers]))
    assert source.images["images"].tolist() == [f"{number}/0.jpg" for number in numbers]
    assert source.classes["name"].tolist()[-1] == "class 10"
    with pytest.raises(SourceError, match="say their names with `classes`"):
        read_source(pets(tmp_path))


def test_classes_of_one_name_are_one_class(tmp_path: Path) -> None:
    names = {"a": "missile", "b": "tench", "c": "missile"}
    source = read_source(pets(tmp_path, "a", "b", "c", classes=names))
    assert source.rows["label"].tolist() == [0, 1, 0]
    assert source.classes["name"].tolist() == ["missile", "tench"]


def test_the_digest_knows_names_and_templates(tmp_path: Path) -> None:
    one = pets(tmp_path, "cat", "dog")
    again, other, named = (
        pets(tmp_path, **changes)
        for changes in ({}, {"template": "the {}."}, {"classes": {"cat": "dog", "dog": "cat"}})
    )
    digests = [content_digest(read_source(config)) for config in (one, again, other, named)]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_a_folder_without_classes_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="0 classes and 0 pictures"):
        read_source(pets(tmp_path))


def test_a_link_out_of_the_folder_is_never_read(tmp_path: Path) -> None:
    config = pets(tmp_path / "pets", "cat", "dog")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (tmp_path / "pets" / "dog" / "1.jpg").symlink_to(tmp_path / "secret.jpg")
    with pytest.raises(SourceError, match="leads out of it"):
        content_digest(read_source(config))
