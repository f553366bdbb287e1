"""Official layouts of benchmarks: each reader registers itself with the layout that it reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from storage.sources.readers import import_readers
from storage.sources.zeroshot.labelled import Pictures
from uwm.config import BenchmarkSet, Protocol
from uwm.errors import SourceError

ReadLayout = Callable[[Path, Protocol], Pictures]


class Layout(NamedTuple):
    """An official layout.

    Attributes:
        read: the reader of a folder that holds it.
        top: the archive's own top folder; a folder may also be given from within it.
        wanted: what lies there, for a message and docs/zeroshot.md.
        needs: paths below the folder without which it is not there.
        known: a further test of the folder, where paths do not tell.
        aliases: what the folder around it is called elsewhere; the set's own name goes without
            saying.
    """

    read: ReadLayout
    top: str
    wanted: str
    needs: tuple[str, ...] = ()
    known: Callable[[Path], bool] = Path.is_dir
    aliases: tuple[str, ...] = ()


_LAYOUTS: dict[str, Layout] = {}


def layout(
    name: BenchmarkSet,
    *,
    top: str,
    wanted: str,
    needs: tuple[str, ...] = (),
    known: Callable[[Path], bool] = Path.is_dir,
    aliases: tuple[str, ...] = (),
) -> Callable[[ReadLayout], ReadLayout]:
    """Register the decorated function as the reader of a benchmark; arguments as in `Layout`.

    Args:
        name: the set's key in `uwm/config/benchmarks.json`, which has its class names and prompts.
    """

    def register(read: ReadLayout) -> ReadLayout:
        _LAYOUTS[name] = Layout(read, top, wanted, needs, known, aliases)
        return read

    return register


def layouts() -> dict[str, Layout]:
    """Every layout that a reader is registered for, by the name of its set."""
    import_readers()
    return dict(_LAYOUTS)


def layout_of(name: BenchmarkSet) -> Layout:
    """The layout of a benchmark.

    Raises:
        SourceError: benchmarks.json has the set, and no reader is registered for it.
    """
    found = layouts().get(name)
    if found is None:
        raise SourceError(
            f"no reader is registered for the benchmark {name}; decorate one with @layout({name!r})"
        )
    return found
