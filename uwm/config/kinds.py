"""Parts of a configuration that are distinguished by `kind` and that users can extend.

A kind is built in, registered by an installed package as an entry point, or a class in the user's
own file, `kind: path/to/file.py:Class`; see `uwm.plugins`. The class is a pydantic model, so that
its settings are validated as those of built-in kinds are.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Generic, TypeVar, get_args

from pydantic import BaseModel, ValidationInfo
from pydantic_core import PydanticCustomError

from uwm.errors import InputError
from uwm.plugins import absolute, installed, is_file_plugin, load_class

T = TypeVar("T", bound=BaseModel)


class Kinds(Generic[T]):
    """The kinds of one part of the configuration.

    Use it for a field as `Annotated[T, PlainValidator(KINDS.validate), SerializeAsAny()]`.

    Args:
        base: the base class of every kind, with a field `kind: str`.
        own: the built-in kinds, each with `kind: Literal["its name"]`.
        group: the group of entry points under which packages register further kinds.
    """

    def __init__(self, base: type[T], own: Iterable[type[T]], group: str) -> None:
        self.base, self.group = base, group
        self.own = {kind: model for model in own for kind in _literals(model)}

    def named(self, kind: str, folder: Path | None = None) -> type[T]:
        """The class of a kind; the path of a class in a file is relative to `folder`.

        Raises:
            InputError: there is no such kind, or its class cannot be loaded.
        """
        if kind in self.own:
            return self.own[kind]
        if is_file_plugin(kind):
            return load_class(kind, self.base, folder)
        offered = installed(self.group)
        if kind not in offered:
            found = [*self.own, *sorted(offered)]
            close = difflib.get_close_matches(kind, found, 1)
            meant = f" (did you mean {close[0]!r}?)" if close else ""
            raise InputError(
                f"there is no kind {kind!r}{meant}; the kinds are {_listed(found)}, where the last "
                "stands for a class of your own"
            )
        return load_class(kind, self.base, group=self.group)

    def validate(self, value: object, info: ValidationInfo) -> T:
        """The model that a mapping with a `kind` describes; a model is returned unchanged."""
        if isinstance(value, self.base):
            return value
        if not isinstance(value, Mapping):
            raise PydanticCustomError("mapping", "should be a mapping with a `kind`")
        kind = value.get("kind")
        if not isinstance(kind, str):
            raise PydanticCustomError(
                "kind", "has no `kind`; the kinds are {kinds}", {"kinds": _listed(self.own)}
            )
        folder = (info.context or {}).get("folder")
        try:
            model = self.named(kind, folder)
            stored = absolute(kind, folder or Path.cwd())
        except InputError as error:
            raise PydanticCustomError("kind", "{error}", {"error": str(error)}) from error
        return model.model_validate({**value, "kind": stored}, context=info.context)


def _listed(kinds: Iterable[str]) -> str:
    return ", ".join([*kinds, "path/to/file.py:Class"])


def _literals(model: type[BaseModel]) -> tuple[str, ...]:
    return get_args(model.model_fields["kind"].annotation)
