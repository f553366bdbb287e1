"""Models that open_clip has by name, with published weights or with those in a file."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from uwm.backbones import hub
from uwm.backbones.catalog import HUGGING_FACE, OPEN_CLIP, built_in
from uwm.backbones.files import read_json
from uwm.backbones.located import LocatedFiles
from uwm.backbones.places import locates
from uwm.backbones.pretrained import (
    agreed_preprocess,
    find_tag,
    gelu_mismatch,
    other_activation,
    recognised,
    tags,
)
from uwm.config import OpenClipBackbone
from uwm.errors import UnknownBackboneError

_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth")


def _config(config: OpenClipBackbone) -> dict[str, Any]:
    known = built_in()
    if config.model not in known:
        near = difflib.get_close_matches(config.model, known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "`uwm backbones` lists them."
        raise UnknownBackboneError(f"open_clip has no model {config.model!r}; {hint}")
    found = read_json(known[config.model])
    if config.pretrained is not None:
        tag = tags(config.model).get(config.pretrained)
        if tag is not None and tag.quick_gelu and other_activation(config.model) not in known:
            found["quick_gelu"] = True  # open_clip has no name for this one
    return found


@locates(OpenClipBackbone, describe=_config)
def model(config: OpenClipBackbone, /, *, download: bool) -> LocatedFiles | None:
    """A model's weights by pretrained tag, in the hub's cache, or from a file."""
    described = _config(config)
    quick = bool(described.get("quick_gelu", False))
    if config.weights is not None:
        return _file(config.model, config.weights, described, quick)
    tag = find_tag(config.model, str(config.pretrained), quick, built_in())
    path = hub.obtain(tag.repo, tag.files, download=download)
    if path is None:
        return None
    return LocatedFiles(described, weights=path, preprocess=tag.preprocess, built_in=config.model)


def _says_quick_gelu(folder: Path) -> bool | None:
    """What a configuration beside weights says of their activation; None where it says nothing.

    Raises:
        UnknownBackboneError: it cannot be read.
    """
    if (path := folder / OPEN_CLIP).is_file():
        model = read_json(path).get("model_cfg")
        return isinstance(model, dict) and model.get("quick_gelu", False) is True
    if (path := folder / HUGGING_FACE).is_file():
        described = read_json(path)
        towers = [described.get(f"{tower}_config") for tower in ("text", "vision")]
        said = {tower.get("hidden_act") for tower in towers if isinstance(tower, dict)} - {None}
        return said == {"quick_gelu"} if len(said) == 1 else None
    return None


def _file(name: str, path: Path, described: dict[str, Any], quick: bool) -> LocatedFiles:
    if path.suffix not in _SUFFIXES:
        raise UnknownBackboneError(
            f"weights are read from {', '.join(_SUFFIXES)} files; {path.name} is none of these"
        )
    tag = recognised(path.absolute())
    right = other_activation(name)
    if tag is not None and tag.quick_gelu != quick and right in built_in():
        raise UnknownBackboneError(gelu_mismatch(name, path.name, tag.quick_gelu, right))
    beside = _says_quick_gelu(path.parent) if tag is None else None
    if beside is not None and beside != quick:
        raise UnknownBackboneError(
            gelu_mismatch(name, path.name, beside, right if right in built_in() else None)
        )
    known = tag.preprocess if tag is not None else agreed_preprocess(name)
    return LocatedFiles(described, weights=path, preprocess=known or {}, built_in=name)
