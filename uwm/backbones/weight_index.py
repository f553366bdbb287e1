"""The index of weights that several files share."""

from __future__ import annotations

from pathlib import Path

from uwm.backbones.files import read_json
from uwm.errors import UnknownBackboneError


def shard_names(index: Path) -> list[str]:
    """The files that a `*.index.json` of sharded weights names, which lie beside it.

    Raises:
        UnknownBackboneError: malformed, or a name that leads elsewhere.
    """
    try:
        names = sorted(set(read_json(index)["weight_map"].values()))
    except (KeyError, TypeError, AttributeError) as error:
        raise UnknownBackboneError(f"{index} is not an index of shards: {error!r}") from error
    for name in names:
        if not isinstance(name, str) or Path(name).name != name:
            raise UnknownBackboneError(f"{index} is an index of files beside it; it names {name!r}")
    return names
