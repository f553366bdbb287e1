"""Loading a backbone by a short name instead of a configuration."""

from __future__ import annotations

import re
from pathlib import Path

from uwm import shipped
from uwm.backbones import load as configured
from uwm.backbones.backbone import Backbone
from uwm.config import (
    BackboneConfig,
    DemoBackbone,
    FolderBackbone,
    HubBackbone,
    OpenClipBackbone,
    Precision,
)
from uwm.errors import UnknownBackboneError

_DEMO, _HUB = "demo:", "hf-hub:"


def load(
    model: str | Path | BackboneConfig,
    pretrained: str | None = None,
    *,
    weights: str | Path | None = None,
    device: str = "cpu",
    precision: Precision = "fp32",
) -> Backbone:
    """Load a backbone.

    Args:
        model: a folder in open_clip's or Hugging Face's form; the name of one of open_clip's
            models, with `pretrained` or `weights`; `hf-hub:OWNER/NAME`; `demo:vit`, `demo:coca` or
            `demo:siglip`; or a backbone as an audit's configuration has it.
        pretrained: one of open_clip's tags of that model.
        weights: a file of that model's weights.
        device: `cpu`, `cuda`, `cuda:1`, or `auto` for the best there is.
        precision: what a forward pass computes in; embeddings and edits are float32.

    Returns:
        The backbone, in eval mode. The last one that was loaded is kept, and returned again where
        everything that was asked for is the same.

    Raises:
        UnknownBackboneError: `model` is none of these, or there are no such weights.
        MissingWeightsError: its files are not on this machine and cannot be fetched.
        UnsafeWeightsError: reading its weights could run code.

    Example:
        >>> import uwm
        >>> uwm.load("demo:siglip").dim
        96
    """
    return configured.load(_config(model, pretrained, weights), device, precision)


def _config(
    model: str | Path | BackboneConfig, pretrained: str | None, weights: str | Path | None
) -> BackboneConfig:
    if not isinstance(model, str | Path):
        return model
    text = str(model)
    if pretrained is not None or weights is not None:
        return OpenClipBackbone(
            kind="open_clip",
            name=_name(text),
            model=text,
            pretrained=pretrained,
            weights=None if weights is None else Path(weights),
        )
    if text.startswith(_DEMO) and text.removeprefix(_DEMO) in shipped.BACKBONES:
        return DemoBackbone.model_validate({"kind": "demo", "name": text.removeprefix(_DEMO)})
    if text.startswith(_HUB):
        repo = text.removeprefix(_HUB)
        return HubBackbone(kind="hub", name=_name(repo), repo=repo)
    if (folder := Path(text).expanduser()).is_dir():
        return FolderBackbone(kind="folder", name=_name(folder.resolve().name), folder=folder)
    raise UnknownBackboneError(
        f"a backbone is a folder, an open_clip model with `pretrained=` or `weights=`, "
        f"{_HUB}OWNER/NAME, or one of {', '.join(_DEMO + name for name in shipped.BACKBONES)}; got "
        f"{text!r}"
    )


def _name(text: str) -> str:
    """A name for messages, of characters that a configuration allows."""
    return re.sub(r"^[^A-Za-z0-9]+|[^A-Za-z0-9._@ +-]", "-", text).lstrip("-") or "backbone"
