"""open_clip's models as a person chooses among them: families, roles, geometry, weights at hand.

Nothing is built: configurations, open_clip's table of published weights, the table of families and
the hub's cache say all of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from rich.console import Console
from rich.table import Table

from flows.cli.console import console
from flows.cli.options import DONE
from uwm.backbones.catalog import built_in
from uwm.backbones.files import read_json
from uwm.backbones.hub import cached
from uwm.backbones.pretrained import tags
from uwm.errors import InputError, UnsupportedFamilyError
from uwm.families import TOWERS, Family, Tower, family_of


@dataclass(frozen=True)
class ModelRow:
    """One model of open_clip.

    Attributes:
        families: per tower its family, or why nothing there can be edited.
        pixels: height and width of the image tower's input.
        dim: length of an embedding.
        tags: its pretrained tags.
        cached: those whose weights lie in the hub's cache.
    """

    model: str
    families: dict[Tower, Family | str]
    pixels: tuple[int, int]
    dim: int
    tags: tuple[str, ...]
    cached: tuple[str, ...]


def models(search: str = "") -> list[ModelRow]:
    """The models that `search` finds, whatever its case; in natural order.

    Args:
        search: a part of their names, or a shell pattern (`*`, `?`, `[...]`) for the whole.

    Raises:
        InputError: there are none.
    """
    known = built_in()
    pattern = (search if set(search) & set("*?[") else f"*{search}*").lower()
    names = [name for name in known if fnmatchcase(name.lower(), pattern)]
    if not names:
        raise InputError(
            f"none of open_clip's {len(known)} models is called {search!r}; give a part of a name, "
            "or a pattern in quotes, such as 'ViT-B-*'"
        )
    return [_row(name, read_json(known[name])) for name in sorted(names, key=_natural)]


def print_models(target: Console, rows: Sequence[ModelRow]) -> None:
    """A table of models, and below it the roles of the families in it."""
    table = Table(title=f"{len(rows)} of open_clip's models")
    for name in ("model", "image tower", "text tower"):
        table.add_column(name, overflow="fold")
    for name in ("pixels", "dim", "tags"):
        table.add_column(name, justify="right")
    table.add_column("cached", overflow="fold")
    for row in rows:
        image, text = (_told(row.families[tower]) for tower in TOWERS)
        height, width = row.pixels
        table.add_row(
            row.model,
            image,
            text,
            str(height) if height == width else f"{height}x{width}",
            str(row.dim),
            str(len(row.tags)) if row.tags else "-",
            f"[green]{', '.join(row.cached)}[/]" if row.cached else "",
        )
    target.print(table)
    families = {
        family.name: family
        for row in rows
        for family in row.families.values()
        if isinstance(family, Family)
    }
    for name, family in sorted(families.items()):
        target.print(f"{name} has {', '.join(family.roles)}", highlight=False)
    if len(rows) == 1 and rows[0].tags:
        target.print(f"tags of {rows[0].model}: {', '.join(rows[0].tags)}", highlight=False)


def _row(name: str, config: dict[str, Any]) -> ModelRow:
    size = config["vision_cfg"].get("image_size", 224)
    height, width = (size, size) if isinstance(size, int) else size
    known = tags(name)
    return ModelRow(
        model=name,
        families={tower: _family(config, tower) for tower in TOWERS},
        pixels=(height, width),
        dim=config["embed_dim"],
        tags=tuple(known),
        cached=tuple(tag.name for tag in known.values() if cached(tag.repo, tag.files)),
    )


def _family(config: dict[str, Any], tower: Tower) -> Family | str:
    try:
        return family_of(config, tower)
    except UnsupportedFamilyError as error:
        return str(error).split(";")[0]


def _told(family: Family | str) -> str:
    return family.name if isinstance(family, Family) else f"[dim]{family}[/]"


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts ViT-B-16 before ViT-B-128."""
    parts = re.findall(r"\d+|\D+", name.lower())
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def backbones(search: str = "", /) -> int:
    """List open_clip's models: what can be edited in each, its pictures, and weights at hand.

    For example:

        uwm backbones SigLIP2
        uwm backbones 'ViT-?-16*'

    Parameters
    ----------
    search
        only models with this in their name, or of a pattern ('ViT-?-16*'); a single one is shown
        with its pretrained tags."""
    print_models(console(), models(search))
    return DONE
