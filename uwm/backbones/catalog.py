"""What is known of a backbone without loading it: its open_clip configuration.

Reads the JSON configurations that open_clip ships, and those of folders and of the hub, without
importing open_clip: a misspelt name or an impossible role is reported in a moment.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from uwm.backbones.accepted import Model, OpenClip, check
from uwm.backbones.files import inside, read_json
from uwm.backbones.hugging_face.borrowed import refuse_code
from uwm.backbones.hugging_face.config import LONE_TOWERS, to_model_config, with_text_of
from uwm.backbones.located import LocatedFiles
from uwm.backbones.places import place_of
from uwm.backbones.pretrained import open_clip_folder
from uwm.config import BackboneConfig
from uwm.errors import UnknownBackboneError

OPEN_CLIP, HUGGING_FACE = "open_clip_config.json", "config.json"
"""The configuration that tells a folder's form."""


def model_config(config: BackboneConfig) -> dict[str, Any]:
    """open_clip's `model_cfg` of the backbone that `config` names.

    Raises:
        UnknownBackboneError: no such model, or a folder or repository that holds none.
    """
    place = place_of(config)
    if place.describe is not None:
        return place.describe(config)
    found = place.locate(config, download=True)
    if found is None:
        raise unanswered(config)
    return found.model_config if isinstance(found, LocatedFiles) else folder_config(found)


def unanswered(config: BackboneConfig) -> UnknownBackboneError:
    """The error where a place that was asked to download has answered None."""
    return UnknownBackboneError(
        f"{config.name}: asked to download, a place answers with a backbone's files; the one "
        f"registered for {type(config).__name__} answered None"
    )


def folder_config(folder: Path, text: Path | None = None) -> dict[str, Any]:
    """The `model_cfg` of a folder in either form.

    Args:
        text: another folder, in Hugging Face's form, that completes a lone image tower.

    Raises:
        UnknownBackboneError: no configuration, or a malformed one.
    """
    if (folder / OPEN_CLIP).is_file():
        found: dict[str, Any] = open_clip_config(folder)["model_cfg"]
        return found
    try:
        found = to_model_config(hugging_face_config(folder, text))
    except UnknownBackboneError as error:
        raise type(error)(f"{folder}: {error}") from error
    check(Model, found, str(folder / HUGGING_FACE))
    return found


def open_clip_config(folder: Path) -> dict[str, Any]:
    """The content of a folder's `open_clip_config.json`: known keys alone, see `accepted`.

    Raises:
        UnknownBackboneError: it is malformed, or says what a folder may not.
    """
    path = inside(folder, OPEN_CLIP)
    found = read_json(path)
    check(OpenClip, found, str(path))
    return found


def hugging_face_config(folder: Path, text: Path | None = None) -> dict[str, Any]:
    """The content of a folder's `config.json`, with the text tower's of another where asked for.

    Raises:
        UnknownBackboneError: there is none, it is malformed, or the two towers do not go together.
    """
    path = inside(folder, HUGGING_FACE)
    if not path.is_file():
        raise UnknownBackboneError(
            f"a backbone's folder holds {OPEN_CLIP} or {HUGGING_FACE}, and weights beside it; it "
            f"lacks {OPEN_CLIP} and {HUGGING_FACE}"
        )
    found = read_json(path)
    refuse_code(found, path)
    if text is None:
        return found
    if found.get("model_type") not in LONE_TOWERS:
        raise UnknownBackboneError("it has a text tower of its own; leave `text:` out")
    return with_text_of(found, hugging_face_config(text))


@cache
def built_in() -> dict[str, Path]:
    """The configuration files that open_clip ships, by model name."""
    return {path.stem: path for path in open_clip_folder().glob("model_configs/*.json")}
