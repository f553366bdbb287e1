"""Which function reads a data set: each reader registers itself for a kind of configuration.

A reader stands in a module of this package, or beside the configuration class in a file of the
user's own. Modules are imported when the first data set is asked for, so that a configuration alone
costs nothing, and no stage's code depends on them: what a reader gives decides by its content.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from typing import Any, TypeVar

from storage.sources.source import Source
from uwm.config import Settings
from uwm.errors import SourceError

Config = TypeVar("Config", bound=Settings)
_READERS: dict[type[Settings], Callable[[Any], Source]] = {}
_PACKAGE = "storage.sources"


def reads(
    kind: type[Config],
) -> Callable[[Callable[[Config], Source]], Callable[[Config], Source]]:
    """Register the decorated function as the reader of data sets that `kind` configures.

    A reader gives the whole set, neither sampled nor checked: `quadruple_source` makes one of
    pairs, `labelled_source` one of labelled pictures. It raises SourceError where files are
    missing, unreadable or malformed, and MissingSetError where an audit may go on without the set.

    Args:
        kind: a subclass of `PairSet` or `ZeroShotSet`.
    """

    def register(reader: Callable[[Config], Source]) -> Callable[[Config], Source]:
        _READERS[kind] = reader
        return reader

    return register


def reader(config: Settings) -> Callable[[Any], Source]:
    """The reader that is registered for the class of `config`, or else for one of its bases.

    Raises:
        SourceError: there is none.
    """
    import_readers()
    for kind in type(config).__mro__:
        if found := _READERS.get(kind):
            return found
    name = type(config).__name__
    raise SourceError(
        f"nothing reads data sets of the class {name}; decorate the function that does with "
        f"@reads({name}), in the file of the class itself"
    )


@cache
def import_readers() -> None:
    """Import every module of this package once, so that its readers are registered."""
    package = import_module(_PACKAGE)
    for module in walk_packages(package.__path__, f"{_PACKAGE}."):
        import_module(module.name)
