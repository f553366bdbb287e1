"""Which backbones an audit runs on."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, PlainValidator, SerializeAsAny, model_validator

from uwm.config.kinds import Kinds
from uwm.config.settings import File, Folder, Name, Settings

Precision = Literal["fp32", "bf16", "fp16"]
"""The precision of forward passes; scores and edits are always float32."""

Channels = tuple[float, float, float]
Side = Annotated[int, Field(ge=1, le=4096)]


class Preprocess(Settings):
    """How images were preprocessed in training, for a backbone whose files omit it or are wrong.

    A field left unset keeps the value from the files, or from open_clip's entry for the model.
    """

    mean: Channels | None = Field(None, description="mean per channel, of pixels in [0, 1]")
    std: (
        Annotated[
            Channels, Field(description="standard deviation per channel, of pixels in [0, 1]")
        ]
        | None
    ) = None
    interpolation: Literal["bicubic", "bilinear"] | None = None
    resize_mode: Literal["shortest", "longest", "squash"] | None = None
    size: Side | tuple[Side, Side] | None = Field(
        None, description="input size in pixels: one side of a square, or [height, width]"
    )

    @model_validator(mode="after")
    def _positive(self) -> Self:
        if self.std is not None and min(self.std) <= 0:
            raise ValueError(
                f"pixels are divided by std, so it must be above 0; got {list(self.std)}"
            )
        return self


class BackbonePlace(Settings):
    """Fields of every backbone: its name in tables, and the kind of place its files come from."""

    kind: str
    name: Name


class OwnBackbone(BackbonePlace):
    """A backbone of the user's choice, which may override how its images are preprocessed."""

    preprocess: Preprocess = Preprocess()


class DemoBackbone(BackbonePlace):
    """One of the three small backbones that ship with the project."""

    kind: Literal["demo"]
    name: Literal["vit", "coca", "siglip"]


class FolderBackbone(OwnBackbone):
    """A folder in open_clip's layout or, for CLIP and SigLIP, in that of Hugging Face.

    The folder holds `open_clip_config.json` or `config.json`, with the weights beside it.
    """

    kind: Literal["folder"]
    folder: Folder
    text: Folder | None = Field(
        None, description="a Hugging Face folder that supplies the text tower if `folder` has none"
    )


class OpenClipBackbone(OwnBackbone):
    """An open_clip model by name, with the weights of a pretrained tag or from a file."""

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
    """A repository of the Hugging Face hub with the layout of a `FolderBackbone`."""

    kind: Literal["hub"]
    repo: str = Field(pattern=r"^[\w.-]+/[\w.-]+$", description="OWNER/NAME")
    revision: str | None = Field(None, pattern=r"^[\w./-]+$", description="a branch, tag or commit")


_KINDS = Kinds(
    BackbonePlace,
    (DemoBackbone, FolderBackbone, OpenClipBackbone, HubBackbone),
    "uwm.backbones",
)
BackboneConfig = Annotated[BackbonePlace, PlainValidator(_KINDS.validate), SerializeAsAny()]
"""A backbone of any kind: built in, from an installed package, or from the user's own file."""
