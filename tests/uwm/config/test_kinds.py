"""Kinds of a person's own beside ours: checked alike, and the same when read back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import PlainValidator, SerializeAsAny, ValidationError

from tests.makers.packages import install
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


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package that offers an animal, a plant, and what is broken."""
    name = f"package_{tmp_path.name.replace('-', '_')}"
    code = (
        "from uwm.config.settings import Settings\n"
        "from tests.uwm.config.test_kinds import Animal\n"
        "class Horse(Animal):\n    hands: int = 15\n"
        "class Oak(Settings):\n    kind: str\n"
    )
    offered = "".join(
        f"{kind} = {name}:{found}\n"
        for kind, found in {"horse": "Horse", "oak": "Oak", "yew": "Yew"}.items()
    )
    install(tmp_path, name, code, f"[uwm.test-animals]\n{offered}")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("package")
def test_what_a_package_offers_is_a_kind_by_its_name(tmp_path: Path) -> None:
    """Whatever else is offered beside it, in the same group, is not even imported."""
    found = house(tmp_path, {"kind": "horse", "hands": 12})
    assert found.animals[0].model_dump() == {"kind": "horse", "hands": 12}
    assert House.model_validate_json(found.model_dump_json()) == found
    for kind, said in {
        "hose": r"no kind 'hose' \(did you mean 'horse'\?\); the kinds are cat, horse, oak, yew",
        "oak": "oak is not a subclass of",
        "yew": "Yew cannot be imported",
    }.items():
        with pytest.raises(ValidationError, match=said):
            house(tmp_path, {"kind": kind})


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
