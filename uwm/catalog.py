"""What is known of a backbone without loading it: its open_clip configuration.

Reads the JSON configurations that open_clip ships, without importing open_clip: a misspelt name or
an impossible role is reported in a moment.
"""

from __future__ import annotations

import difflib
import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from uwm import demo
from uwm.config import BackboneConfig, DemoBackbone, FolderBackbone
from uwm.errors import UnknownBackboneError

CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"


def model_config(config: BackboneConfig) -> dict[str, Any]:
    """open_clip's `model_cfg` of the backbone that `config` names.

    Raises:
        UnknownBackboneError: no such model, or a folder that holds none.
    """
    if isinstance(config, DemoBackbone):
        return folder_config(demo.BACKBONES[config.name])
    if isinstance(config, FolderBackbone):
        return folder_config(config.folder)
    known = _builtin()
    if config.model not in known:
        near = difflib.get_close_matches(config.model, known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "see open_clip.list_models()."
        raise UnknownBackboneError(f"open_clip has no model {config.model!r}; {hint}")
    found: dict[str, Any] = json.loads(known[config.model].read_text())
    return found


def folder_config(folder: Path) -> dict[str, Any]:
    """The `model_cfg` of a folder with a configuration and weights beside it.

    Raises:
        UnknownBackboneError: either is missing or malformed.
    """
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise UnknownBackboneError(
                f"a backbone's folder holds {CONFIG} and {WEIGHTS}; {folder} lacks {name}"
            )
    try:
        found: dict[str, Any] = json.loads((folder / CONFIG).read_text())["model_cfg"]
        found["vision_cfg"], found["text_cfg"], found["embed_dim"]
    except (ValueError, KeyError, TypeError) as error:
        raise UnknownBackboneError(
            f"{folder / CONFIG} is not an open_clip configuration: {error!r}"
        ) from error
    return found


@cache
def _builtin() -> dict[str, Path]:
    spec = find_spec("open_clip")
    if spec is None or spec.origin is None:
        raise UnknownBackboneError("open_clip is not installed; run `make demo` or pip install uwm")
    return {path.stem: path for path in Path(spec.origin).parent.glob("model_configs/*.json")}
