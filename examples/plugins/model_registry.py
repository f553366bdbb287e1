"""A place for weights of one's own: a shared folder that keeps every version of every model.

In an audit's file: `{kind: model_registry.py:RegistryBackbone, name: ours, root: registry,
model: ours, version: 3}`; without `version` it is the newest.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from uwm.backbones.places import locates
from uwm.config import OwnBackbone
from uwm.config.settings import Folder, Name
from uwm.errors import UnknownBackboneError


class RegistryBackbone(OwnBackbone):
    """The model in root/MODEL/VERSION, a folder in open_clip's or Hugging Face's form."""

    root: Folder
    model: Name
    version: int | None = Field(None, ge=1)


@locates(RegistryBackbone)
def registry_folder(config: RegistryBackbone, /, *, download: bool) -> Path:
    """The folder of the version asked for; nothing is ever downloaded."""
    home = config.root / config.model
    versions = sorted(int(path.name) for path in home.glob("*") if path.name.isdecimal())
    wanted = config.version or (versions[-1] if versions else None)
    if wanted not in versions:
        raise UnknownBackboneError(
            f"{home} has the versions {', '.join(map(str, versions)) or 'none'}; got {wanted}"
        )
    return home / str(wanted)
