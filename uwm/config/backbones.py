"""Which backbones an audit runs on."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, PlainValidator, SerializeAsAny, model_validator

from uwm.config.kinds import Kinds
from uwm.config.settings import File, Folder, Name, Settings

Precision = Literal["fp32", "bf16", "fp16"]
"""What a forward pass computes in; scores and edits are float32 whatever it is."""

Channels = tuple[float, float, float]
Side = Annotated[int, Field(ge=1, le=4096)]


class Preprocess(Settings):
    """How pictures were prepared in training, where a backbone's files do not say it or lie.

    What is left out stays as the files (or open_clip's tags of that model) have it.
    """

    mean: Channels | None = Field(None, description="per channel, of pixels in [0, 1]")
    std: Annotated[Channels, Field(description="per channel, above 0")] | None = None
    interpolation: Literal["bicubic", "bilinear"] | None = None
    resize_mode: Literal["shortest", "longest", "squash"] | None = None
    size: Side | tuple[Side, Side] | None = Field(None, description="or [height, width]")

    @model_validator(mode="after")
    def _positive(self) -> Self:
        if self.std is not None and min(self.std) <= 0:
            raise ValueError(f"std divides pixels, so it is above 0; got {list(self.std)}")
        return self


class BackbonePlace(Settings):
    """What every backbone says: its name in tables, and the kind of place its files come from."""

    kind: str
    name: Name


class OwnBackbone(BackbonePlace):
    """A backbone of the user's choice: it may say how its pictures were prepared."""

    preprocess: Preprocess = Preprocess()


class DemoBackbone(BackbonePlace):
    """One of the three small backbones that ship with the project."""

    kind: Literal["demo"]
    name: Literal["vit", "coca", "siglip"]


class FolderBackbone(OwnBackbone):
    """A folder in open_clip's form or, for CLIP and SigLIP, in that of Hugging Face.

    `open_clip_config.json` and weights beside it, or `config.json` and weights beside it.
    """

    kind: Literal["folder"]
    folder: Folder
    text: Folder | None = Field(
        None, description="a Hugging Face folder for what a lone image tower in `folder` lacks"
    )


class OpenClipBackbone(OwnBackbone):
    """A model of open_clip by name, with weights by pretrained tag or from a file."""

    kind: Literal["open_clip"]
    model: str = Field(description="an open_clip model name, such as ViT-B-32")
    pretrained: str | None = Field(None, description="a pretrained tag of that model")
    weights: File | None = Field(None, description="a .safetensors, .bin, .pt or .pth file")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.pretrained is None) == (self.weights is None):
            raise ValueError("give either `pretrained` (a tag of open_clip) or `weights` (a file)")
        return self


class HubBackbone(OwnBackbone):
    """A repository of the Hugging Face hub that holds what a folder may, see `FolderBackbone`."""

    kind: Literal["hub"]
    repo: str = Field(pattern=r"^[\w.-]+/[\w.-]+$", description="OWNER/NAME")
    revision: str | None = Field(None, pattern=r"^[\w./-]+$", description="a branch, tag or commit")


_KINDS = Kinds(
    BackbonePlace,
    (DemoBackbone, FolderBackbone, OpenClipBackbone, HubBackbone),
    "uwm.backbones",
)
BackboneConfig = Annotated[BackbonePlace, PlainValidator(_KINDS.validate), SerializeAsAny()]
"""A backbone from any place: those above, an installed package's, or one in the user's own file."""
