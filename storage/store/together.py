"""Several artifacts that come from one computation, made at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from storage.store.spec import Spec
from storage.store.store import Store

Made = TypeVar("Made", bound=Spec)


def make_together(
    store: Store, specs: Sequence[Made], build: Callable[[Mapping[Made, Path]], None]
) -> None:
    """Make those of several artifacts that are not complete, in one call of `build`.

    `build` gets a folder for each of these, as `Store.make` would give it, and is not called where
    there are none. Writers take the artifacts in one order, so that none waits for another that
    waits for it.
    """
    missing = sorted((spec for spec in specs if not store.complete(spec)), key=str)

    def make(left: Sequence[Made], folders: Mapping[Made, Path]) -> None:
        if not left:
            if folders:
                build(folders)
            return
        first, others = left[0], left[1:]
        drafted = False

        def with_first(folder: Path) -> None:
            nonlocal drafted
            drafted = True
            make(others, {**folders, first: folder})

        store.make(first, with_first)
        if not drafted:  # another writer has made it meanwhile
            make(others, folders)

    make(missing, {})
