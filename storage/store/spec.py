"""What an artifact is: all that decides its bytes, other artifacts that it is made of included."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, PlainSerializer, model_validator

from storage.store.code import code_digest


class Spec(BaseModel, frozen=True, extra="forbid"):
    """Everything that can change an artifact's bytes, and nothing that cannot.

    A field may hold the spec of another artifact, which is read to make this one: `scores:
    Input[ScoresSpec]`. It enters the address by its own digest alone.

    Attributes:
        kind: what sort of artifact, the name of its folder in the store.
        resumable: whether a draft that a killed writer left is taken up, rather than begun anew.
        code: digest of the code that computes it; of the module that defines the spec unless it is
            given, see `storage.store.code`.
    """

    kind: ClassVar[str]
    resumable: ClassVar[bool] = False
    code: str = ""

    @model_validator(mode="before")
    @classmethod
    def _of_its_module(cls, given: Any) -> Any:
        if isinstance(given, dict) and "code" not in given:
            return {"code": code_digest(cls.__module__), **given}
        return given

    @cached_property
    def digest(self) -> str:
        """The artifact's address: SHA-256 over kind and fields."""
        text = json.dumps({"kind": self.kind, **self.model_dump(mode="json")}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:40]

    @property
    def inputs(self) -> tuple[Spec, ...]:
        """The artifacts that are read to make this one: every spec in a field, each once."""
        return tuple(dict.fromkeys(_specs_in(_fields(self))))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __str__(self) -> str:
        return f"{self.kind}/{self.digest}"


AnySpec = TypeVar("AnySpec", bound=Spec)
Input = Annotated[AnySpec, PlainSerializer(lambda spec: spec.digest, return_type=str)]
"""The type of a field with another artifact's spec, by the type of that one."""


def _fields(model: BaseModel) -> dict[str, object]:
    return {name: getattr(model, name) for name in type(model).model_fields}


def _specs_in(value: object) -> Iterator[Spec]:
    if isinstance(value, Spec):
        yield value
    elif isinstance(value, Mapping):
        for part in (*value.keys(), *value.values()):
            yield from _specs_in(part)
    elif isinstance(value, tuple | list | set | frozenset):
        for part in value:
            yield from _specs_in(part)
    elif isinstance(value, BaseModel):
        yield from _specs_in(_fields(value))
    elif is_dataclass(value) and not isinstance(value, type):
        yield from _specs_in([getattr(value, field.name) for field in fields(value)])
