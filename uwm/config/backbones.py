"""Which backbones an audit runs on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from uwm.config.settings import Folder, Name, Settings


class DemoBackbone(Settings):
    """One of the three small backbones that ship with the project."""

    kind: Literal["demo"]
    name: Literal["vit", "coca", "siglip"]


class FolderBackbone(Settings):
    """A folder with `open_clip_config.json` and `open_clip_model.safetensors`."""

    kind: Literal["folder"]
    folder: Folder
    name: Name


class OpenClipBackbone(Settings):
    """A model of open_clip by name, with weights by pretrained tag or file."""

    kind: Literal["open_clip"]
    model: str = Field(description="an open_clip model name, such as ViT-B-32")
    pretrained: str = Field(description="a pretrained tag of that model, or a weights file")
    name: Name


BackboneConfig = Annotated[
    DemoBackbone | FolderBackbone | OpenClipBackbone, Field(discriminator="kind")
]
