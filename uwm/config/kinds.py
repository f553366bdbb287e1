"""Parts of a configuration that `kind` tells apart, open for kinds that a person adds.

A kind is one of ours, one that an installed package registers as an entry point, or a class in the
person's own file, `kind: path/to/file.py:Class`; see `uwm.plugins`. The class is a pydantic model,
so that its settings are checked as ours are.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Generic, TypeVar, get_args

from pydantic import BaseModel, ValidationInfo
from pydantic_core import PydanticCustomError

from uwm.errors import InputError, PluginError
from uwm.plugins import absolute, installed, is_file_plugin, load_plugin

T = TypeVar("T", bound=BaseModel)


class Kinds(Generic[T]):
    """The kinds of one part of the configuration.

    Its `validate` is for a field: `Annotated[T, PlainValidator(KINDS.validate), SerializeAsAny()]`.

    Args:
        base: what every kind is a subclass of; it has a field `kind: str`.
        own: our kinds, each with `kind: Literal["its name"]`.
        group: of entry points.
    """

    def __init__(self, base: type[T], own: Iterable[type[T]], group: str) -> None:
        self.base, self.group = base, group
        self.own = {kind: model for model in own for kind in _literals(model)}

    def named(self, kind: str) -> type[T]:
        """The class of a kind; a file's class with its path in full.

        Raises:
            InputError: there is no such kind, its class cannot be loaded, or is of another part.
        """
        if kind in self.own:
            return self.own[kind]
        if not is_file_plugin(kind) and kind not in installed(self.group):
            known = [*self.own, *installed(self.group)]
            close = difflib.get_close_matches(kind, known, 1)
            meant = f" (did you mean {close[0]!r}?)" if close else ""
            raise PluginError(
                f"there is no kind {kind!r}{meant}; there are {', '.join(known)}, and "
                "path/to/file.py:Class for a class of your own"
            )
        found = load_plugin(kind, self.group)
        if not (inspect.isclass(found) and issubclass(found, self.base)):
            raise PluginError(
                f"{kind} is no subclass of {self.base.__name__}; only such a class may stand here"
            )
        return found

    def validate(self, value: object, info: ValidationInfo) -> T:
        """The model that a mapping describes, by its `kind`; a model stays what it is."""
        if isinstance(value, self.base):
            return value
        if not isinstance(value, Mapping):
            raise PydanticCustomError("mapping", "should be a mapping with a `kind`")
        kind = value.get("kind")
        if not isinstance(kind, str):
            raise PydanticCustomError(
                "kind", "has no `kind`; there are {kinds}", {"kinds": ", ".join(self.own)}
            )
        # In full, so that a configuration that is written elsewhere still names the same file.
        kind = absolute(kind, Path((info.context or {}).get("folder") or "."))
        try:
            model = self.named(kind)
        except InputError as error:
            raise PydanticCustomError("kind", "{error}", {"error": str(error)}) from error
        return model.model_validate({**value, "kind": kind}, context=info.context)


def _literals(model: type[BaseModel]) -> tuple[str, ...]:
    return get_args(model.model_fields["kind"].annotation)
