"""Kinds of a person's own beside ours: checked alike, and the same when read back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import PlainValidator, SerializeAsAny, ValidationError

from uwm.config.kinds import Kinds
from uwm.config.settings import Settings


class Animal(Settings):
    """The base of the kinds below."""

    kind: str


class Cat(Animal):
    """A kind of ours."""

    kind: Literal["cat"]
    lives: int = 9


KINDS: Kinds[Animal] = Kinds(Animal, [Cat], "uwm.test-animals")


class House(Settings):
    """What has animals."""

    animals: tuple[Annotated[Animal, PlainValidator(KINDS.validate), SerializeAsAny()], ...]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "dog.py").write_text(
        "from tests.uwm.config.test_kinds import Animal\n"
        "class Dog(Animal):\n    tricks: tuple[str, ...] = ()\n"
    )
    return tmp_path


def house(folder: Path, *animals: object) -> House:
    return House.model_validate({"animals": animals}, context={"folder": folder})


def test_a_house_reads_back_from_any_folder(folder: Path) -> None:
    found = house(folder, {"kind": "cat", "lives": 7}, {"kind": "dog.py:Dog", "tricks": ["sit"]})
    assert found.animals[1].kind == f"{folder.resolve()}/dog.py:Dog"
    assert House.model_validate_json(found.model_dump_json()) == found
    assert House.model_validate(found.model_dump()) == found


@pytest.mark.parametrize(
    ("animal", "where", "said"),
    [
        ({"kind": "cat", "lives": "many"}, ("animals", 0, "lives"), "valid integer"),
        ({"kind": "dog.py:Dog", "trick": 1}, ("animals", 0, "trick"), "not permitted"),
        ({"kind": "cut"}, ("animals", 0), r"no kind 'cut' \(did you mean 'cat'\?\)"),
        ({"kind": "dogs.py:Dog"}, ("animals", 0), "cannot read"),
        ({"lives": 1}, ("animals", 0), "has no `kind`; the kinds are cat"),
        ("cat", ("animals", 0), "should be a mapping"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    animal: object, where: tuple[str | int, ...], said: str, folder: Path
) -> None:
    with pytest.raises(ValidationError, match=said) as caught:
        house(folder, animal)
    assert [error["loc"] for error in caught.value.errors()] == [where]
