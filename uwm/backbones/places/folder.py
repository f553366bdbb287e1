"""Backbones in folders, in open_clip's form or in that of Hugging Face; the demo's own, too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from uwm import shipped
from uwm.backbones.catalog import OPEN_CLIP, folder_config, hugging_face_config, open_clip_config
from uwm.backbones.hugging_face.config import family
from uwm.backbones.hugging_face.preprocessing import read_preprocess
from uwm.backbones.located import LocatedFiles
from uwm.backbones.places import locates
from uwm.backbones.pretrained import (
    OPENAI_PREPROCESS,
    PICKLED_WEIGHTS,
    PREPROCESS,
    SAFE_WEIGHTS,
)
from uwm.config import DemoBackbone, FolderBackbone
from uwm.errors import UnknownBackboneError

HUGGING_FACE_WEIGHTS = (
    *("model.safetensors", "model.safetensors.index.json"),
    *("pytorch_model.bin", "pytorch_model.bin.index.json"),
)
OPEN_CLIP_WEIGHTS = (SAFE_WEIGHTS, "open_clip_pytorch_model.safetensors", PICKLED_WEIGHTS)
SIGLIP_PREPROCESS: Mapping[str, Any] = {
    "mean": (0.5, 0.5, 0.5),
    "std": (0.5, 0.5, 0.5),
    "interpolation": "bicubic",
    "resize_mode": "squash",
}
_STATED = (*PREPROCESS, "fill_color")


def _demo_config(config: DemoBackbone) -> dict[str, Any]:
    return folder_config(shipped.BACKBONES[config.name])


@locates(DemoBackbone, describe=_demo_config)
def demo(config: DemoBackbone, /, *, download: bool) -> LocatedFiles:
    """A backbone that ships with the project."""
    return folder_files(shipped.BACKBONES[config.name])


def _own_config(config: FolderBackbone) -> dict[str, Any]:
    return folder_config(config.folder, config.text)


@locates(FolderBackbone, describe=_own_config)
def own(config: FolderBackbone, /, *, download: bool) -> LocatedFiles:
    """A backbone in a folder of the user's."""
    return folder_files(config.folder, config.text)


def folder_files(folder: Path, text: Path | None = None) -> LocatedFiles:
    """The files of a backbone's folder in either form.

    Args:
        text: another folder, in Hugging Face's form, that completes a lone image tower.

    Raises:
        UnknownBackboneError: no or a malformed configuration, no weights, or a `text` folder for a
            backbone that lacks nothing.
    """
    described = folder_config(folder, text)
    if (folder / OPEN_CLIP).is_file():
        if text is not None:
            raise UnknownBackboneError(
                f"`text:` completes a lone image tower in Hugging Face's form; {folder} is in "
                "open_clip's"
            )
        stated = open_clip_config(folder).get("preprocess_cfg") or {}
        return LocatedFiles(
            described,
            weights=_weights(folder, OPEN_CLIP_WEIGHTS),
            folder=folder,
            preprocess={key: stated[key] for key in _STATED if stated.get(key) is not None},
        )
    kind = family(hugging_face_config(folder, text))
    found = read_preprocess(folder, kind)
    if found is None and text is not None:
        found = read_preprocess(text, kind)
    return LocatedFiles(
        described,
        weights=_weights(folder, HUGGING_FACE_WEIGHTS),
        completed_by=None if text is None else _weights(text, HUGGING_FACE_WEIGHTS),
        hugging_face=True,
        folder=text or folder,
        preprocess=found or {},
        usual=SIGLIP_PREPROCESS if kind == "siglip" else OPENAI_PREPROCESS,
    )


def _weights(folder: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise UnknownBackboneError(f"{folder} lacks weights: one of {', '.join(names)} is wanted there")
