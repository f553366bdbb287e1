"""Places that backbones' files come from: each registers itself for a class of configuration.

A place stands in a module of this package, or beside the configuration class in a file of the
user's own. Modules are imported when the first backbone is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, NamedTuple, Protocol, TypeVar

from uwm.backbones.located import LocatedFiles
from uwm.config import Settings
from uwm.errors import UnknownBackboneError

Config = TypeVar("Config", bound=Settings)
Config_contra = TypeVar("Config_contra", bound=Settings, contravariant=True)


class Locate(Protocol[Config_contra]):
    """Where the files of a backbone are."""

    def __call__(
        self, config: Config_contra, /, *, download: bool
    ) -> Path | LocatedFiles | None: ...


class Place(NamedTuple):
    """One kind of place.

    Attributes:
        locate: finds a backbone's files there.
        describe: reads open_clip's `model_cfg` without fetching weights; None where that takes all
            of the files.
    """

    locate: Locate[Any]
    describe: Callable[[Any], dict[str, Any]] | None


_PLACES: dict[type[Settings], Place] = {}


def locates(
    kind: type[Config], *, describe: Callable[[Config], dict[str, Any]] | None = None
) -> Callable[[Locate[Config]], Locate[Config]]:
    """Register the decorated function as what finds backbones that `kind` configures.

    It is called with the configuration and with `download`, and answers with a folder in
    open_clip's form or in that of Hugging Face (what a folder may configure is checked then, as
    with any folder), or with `LocatedFiles`. Where `download` is False it fetches nothing large,
    and answers None for files that could be fetched. It raises MissingWeightsError where they are
    neither on this machine nor to be had, UnknownBackboneError where what is there is no backbone.

    Args:
        kind: a subclass of `BackbonePlace`.
        describe: reads the `model_cfg` alone, where that is possible without the weights.
    """

    def register(locate: Locate[Config]) -> Locate[Config]:
        _PLACES[kind] = Place(locate, describe)
        return locate

    return register


def place_of(config: Settings) -> Place:
    """The place that is registered for the class of `config`, or else for one of its bases.

    Raises:
        UnknownBackboneError: there is none.
    """
    _import_places()
    for kind in type(config).__mro__:
        if found := _PLACES.get(kind):
            return found
    name = type(config).__name__
    raise UnknownBackboneError(
        f"nothing locates backbones of the class {name}; decorate the function that does with "
        f"@locates({name}), in the file of the class itself"
    )


@cache
def _import_places() -> None:
    for module in iter_modules(__path__, f"{__name__}."):
        import_module(module.name)
