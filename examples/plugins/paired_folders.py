"""A pair source of one's own: safe/CONCEPT/NAME.png beside unsafe/CONCEPT/NAME.png, texts as .txt.

In an audit's file: `{kind: paired_folders.py:PairedFolders, name: mine, root: data}`.
"""

from __future__ import annotations

from storage.sources import Source, reads
from storage.sources.quadruples import quadruple_source
from storage.sources.source import files
from uwm.config import PairSet
from uwm.config.settings import Folder, Name
from uwm.errors import SourceError


class PairedFolders(PairSet):
    """A folder with `safe` and `unsafe` pictures, and beside each picture its text."""

    name: Name
    root: Folder


@reads(PairedFolders)
def paired_folders(config: PairedFolders) -> Source:
    """Every safe picture is paired with the unsafe one of the same name."""
    names = sorted(
        path.relative_to(config.root / "safe").as_posix()
        for path in (config.root / "safe").glob("*/*.png")
    )
    read = files(config.root)

    def text(part: str, name: str) -> str:
        try:
            return read(f"{part}/{name.removesuffix('.png')}.txt").decode()
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(f"{config.root}: the {part} text of {name}: {error}") from error

    table = {
        "id": names,
        "concept": [name.partition("/")[0] for name in names],
        "safe_text": [text("safe", name) for name in names],
        "unsafe_text": [text("unsafe", name) for name in names],
    }
    images = {part: [f"{part}/{name}" for name in names] for part in ("safe", "unsafe")}
    return quadruple_source(table, images, read)
