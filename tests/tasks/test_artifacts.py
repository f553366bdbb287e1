"""What every spec of a stage has in common: its inputs, a stage, and what that costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest
from pydantic import BaseModel

from storage.store.spec import Input, Spec
from tasks.stage import stage_of
from tests.makers.specs import spec_classes

(_MARK,) = get_args(Input)[1:]
CLASSES = spec_classes()


def held(hint: Any, *, marked: bool = False) -> Iterator[tuple[type[Spec], bool]]:
    """Specs in the type of a field, and whether it is marked as an input."""
    if isinstance(hint, type) and issubclass(hint, Spec):
        yield hint, marked
    elif isinstance(hint, type) and issubclass(hint, BaseModel):
        for part in get_type_hints(hint, include_extras=True).values():
            yield from held(part)
    else:
        here = get_origin(hint) is Annotated and _MARK in get_args(hint)
        for part in get_args(hint):
            yield from held(part, marked=marked or here)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_a_spec_in_a_field_is_an_input(cls: type[Spec]) -> None:
    """Otherwise its fields would stand in the address, and not its digest."""
    hints = get_type_hints(cls, include_extras=True)
    for name in cls.model_fields:
        assert all(marked for _, marked in held(hints[name])), name


@pytest.mark.parametrize(
    "cls", [cls for cls in CLASSES if not cls.__subclasses__()], ids=lambda cls: cls.__name__
)
def test_a_spec_has_a_stage_with_a_cost(cls: type[Spec]) -> None:
    found = stage_of(cls.model_construct())
    assert callable(found.cost)
