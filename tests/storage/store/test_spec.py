"""An artifact's address, and which others it is made of."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from storage.store.spec import Input, Spec


class Leaf(Spec):
    kind: ClassVar[str] = "leaves"
    number: int


class Other(Leaf):
    pass


@dataclass(frozen=True)
class Plain:
    leaf: Input[Leaf]


class Pair(NamedTuple):
    image: Input[Leaf]
    text: Input[Leaf]


class Named(BaseModel, frozen=True):
    name: str
    leaf: Input[Leaf]


class Tree(Spec):
    kind: ClassVar[str] = "trees"
    one: Input[Leaf]
    maybe: Input[Leaf] | None = None
    many: tuple[Input[Leaf], ...] = ()
    pairs: tuple[Pair, ...] = ()
    named: tuple[Named, ...] = ()
    plain: Plain | None = None
    height: int = 0


def leaf(number: int) -> Leaf:
    return Leaf(code="", number=number)


def full(numbers: list[int]) -> Tree:
    one, maybe, first, second, image, text, named, plain = map(leaf, numbers)
    return Tree(
        code="",
        one=one,
        maybe=maybe,
        many=(first, second),
        pairs=(Pair(image, text),),
        named=(Named(name="a", leaf=named),),
        plain=Plain(plain),
    )


NUMBERS = st.lists(st.integers(0, 5), min_size=8, max_size=8)


@given(numbers=NUMBERS)
def test_every_spec_in_a_field_is_an_input_once(numbers: list[int]) -> None:
    assert full(numbers).inputs == tuple(leaf(number) for number in dict.fromkeys(numbers))


@given(numbers=NUMBERS, place=st.integers(0, 7))
def test_another_input_is_another_address(numbers: list[int], place: int) -> None:
    changed = [number + 10 * (position == place) for position, number in enumerate(numbers)]
    assert full(changed).digest != full(numbers).digest
    assert full(changed) != full(numbers)


def test_an_input_enters_the_address_by_its_digest_alone() -> None:
    content = full(list(range(8))).model_dump(mode="json")
    assert content["one"] == leaf(0).digest
    assert content["pairs"] == [[leaf(4).digest, leaf(5).digest]]
    assert content["named"] == [{"name": "a", "leaf": leaf(6).digest}]
    assert content["plain"] == {"leaf": leaf(7).digest}


def test_an_input_may_be_of_a_class_derived_from_the_fields() -> None:
    other = Other(code="", number=3)
    tree = Tree(code="", one=other)
    assert tree.one is other
    assert tree.inputs == (other,)


def test_specs_are_the_same_where_their_addresses_are() -> None:
    assert len({leaf(1), leaf(1), Other(code="", number=1), leaf(2)}) == 2
    again = pickle.loads(pickle.dumps(full(list(range(8)))))
    assert again == full(list(range(8)))
    assert again.inputs == full(list(range(8))).inputs
