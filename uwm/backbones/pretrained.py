"""open_clip's table of published weights: where each tag's file is and how pictures are prepared.

open_clip imports torch, which takes seconds, so it is imported where the table is asked for.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from uwm.errors import UnknownBackboneError

SAFE_WEIGHTS, PICKLED_WEIGHTS = "open_clip_model.safetensors", "open_clip_pytorch_model.bin"
PREPROCESS = ("mean", "std", "interpolation", "resize_mode")
OPENAI_PREPROCESS: Mapping[str, Any] = {
    "mean": (0.48145466, 0.4578275, 0.40821073),
    "std": (0.26862954, 0.26130258, 0.27577711),
    "interpolation": "bicubic",
    "resize_mode": "shortest",
}
"""What most open_clip models were trained with: the guess where nothing is known."""


@dataclass(frozen=True)
class Tag:
    """Published weights of one open_clip model.

    Attributes:
        repo: the hub repository that holds them.
        files: names under which they may lie there, the best first.
        url: another place to download them from, or "".
        preprocess: mean, std, interpolation and resize mode that they were trained with.
        quick_gelu: whether they were trained with QuickGELU activations.
    """

    name: str
    repo: str
    files: tuple[str, ...]
    url: str
    preprocess: Mapping[str, Any]
    quick_gelu: bool


@cache
def tags(model: str) -> Mapping[str, Tag]:
    """Every tag of an open_clip model, by name; none for a model without published weights."""
    from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model

    names = list_pretrained_tags_by_model(model)
    return {name: _tag(name, get_pretrained_cfg(model, name)) for name in names}


def find_tag(model: str, name: str, quick_gelu: bool, models: Mapping[str, Any]) -> Tag:
    """The tag `name` of `model`, spelt in open_clip's lenient way.

    Args:
        quick_gelu: whether the model's configuration says QuickGELU.
        models: the model names that there are.

    Raises:
        UnknownBackboneError: no such tag, or weights that belong to the model with the other
            activation.
    """
    known = tags(model)
    tag = known.get(name.lower().replace("-", "_"))
    if tag is None:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        listed = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(known)}"
        remedy = listed if known else "none are published; give a file as `weights:`"
        if Path(name).suffix in (".safetensors", ".bin", ".pt", ".pth"):
            remedy = "a file goes under `weights:`"
        raise UnknownBackboneError(f"{model} has no pretrained tag {name!r}; {remedy}")
    if tag.quick_gelu != quick_gelu and (right := other_activation(model)) in models:
        raise UnknownBackboneError(gelu_mismatch(model, tag.name, tag.quick_gelu, right))
    return tag


def other_activation(model: str) -> str:
    """The name under which open_clip has `model` with the other of GELU and QuickGELU."""
    bare = model.removesuffix("-quickgelu")
    return bare if bare != model else f"{model}-quickgelu"


def gelu_mismatch(model: str, weights: str, quick_gelu: bool, right: str | None) -> str:
    """What is wrong with weights of the other activation, and the name that is right, if any."""
    trained, builds = ("QuickGELU", "GELU") if quick_gelu else ("GELU", "QuickGELU")
    return (
        f"{weights} was trained with {trained} and {model} computes {builds}: embeddings would be "
        "off. "
        + (
            f"Use model: {right}"
            if right is not None
            else "open_clip has no name for the other: put the weights into a folder (kind: "
            f"folder) whose open_clip_config.json says quick_gelu: {str(quick_gelu).lower()}"
        )
    )


def agreed_preprocess(model: str) -> Mapping[str, Any] | None:
    """The preprocessing that all tags of `model` share; None where they differ or are none."""
    found = [tag.preprocess for tag in tags(model).values()]
    return found[0] if found and all(other == found[0] for other in found) else None


def recognised(path: Path) -> Tag | None:
    """The published weights that a file is, by its name or its place in the hub's cache."""
    from open_clip.pretrained import list_pretrained

    folders = {part.removeprefix("models--") for part in path.parts if part.startswith("models--")}
    for model in dict.fromkeys(model for model, _ in list_pretrained()):
        for tag in tags(model).values():
            # OpenAI's own have plain names, such as ViT-B-32.pt, and are TorchScript archives.
            published = "" if "openaipublic" in tag.url else Path(tag.url).name
            # The hub's cache keeps a repository OWNER/NAME in models--OWNER--NAME.
            if path.name == published or tag.repo.replace("/", "--") in folders:
                return tag
    return None


def _tag(name: str, entry: Mapping[str, Any]) -> Tag:
    repo, _, file = entry["hf_hub"].rpartition("/")
    stem = Path(file).with_suffix(".safetensors").name if file else ""
    return Tag(
        name=name,
        repo=repo,
        files=tuple(dict.fromkeys((stem, file))) if file else (SAFE_WEIGHTS, PICKLED_WEIGHTS),
        url=entry["url"],
        preprocess={key: entry[key] for key in PREPROCESS},
        quick_gelu=entry.get("quick_gelu", False),
    )


def open_clip_folder() -> Path:
    """Where open_clip is installed.

    Raises:
        UnknownBackboneError: it is not.
    """
    spec = find_spec("open_clip")
    if spec is None or spec.origin is None:
        raise UnknownBackboneError("open_clip is not installed; run `make setup`")
    return Path(spec.origin).parent
