"""Labelled picture sets for zero-shot classification."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from uwm.config.settings import Folder, Name, Settings


class DemoZeroShot(Settings):
    """One of the zero-shot sets that ship with the project."""

    kind: Literal["demo"]
    set: Literal["subjects", "objects", "backgrounds", "unsafe_objects"]

    @property
    def name(self) -> str:
        return self.set


class FolderZeroShot(Settings):
    """A folder with one subfolder of pictures per class, named as the class."""

    kind: Literal["folder"]
    name: Name
    images: Folder
    template: str = Field("a photo of a {}.", pattern=r"\{\}")


ZeroShotConfig = Annotated[DemoZeroShot | FolderZeroShot, Field(discriminator="kind")]
