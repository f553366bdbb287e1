"""Where a backbone's weights lie and what is said beside them, found before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from uwm import shipped
from uwm.backbones import hub
from uwm.backbones.catalog import (
    OPEN_CLIP,
    built_in,
    hub_folder,
    hugging_face_config,
    model_config,
    open_clip_config,
)
from uwm.backbones.files import inside, read_json
from uwm.backbones.hugging_face.borrowed import CONFIG, text_tower
from uwm.backbones.hugging_face.config import BESIDE, family
from uwm.backbones.hugging_face.preprocessing import PREPROCESSOR, read_preprocess
from uwm.backbones.hugging_face.tokenizers import (
    COMPANIONS,
    SETTINGS,
    VOCABULARIES,
    tokenizer_settings,
)
from uwm.backbones.pretrained import (
    OPENAI_PREPROCESS,
    PICKLED_WEIGHTS,
    PREPROCESS,
    SAFE_WEIGHTS,
    agreed_preprocess,
    find_tag,
    gelu_mismatch,
    other_activation,
    recognised,
)
from uwm.config import (
    BackboneConfig,
    DemoBackbone,
    FolderBackbone,
    HubBackbone,
    OpenClipBackbone,
)
from uwm.errors import MissingWeightsError, UnknownBackboneError

_HUGGING_FACE_WEIGHTS = (
    *("model.safetensors", "model.safetensors.index.json"),
    *("pytorch_model.bin", "pytorch_model.bin.index.json"),
)
_WEIGHTS = (SAFE_WEIGHTS, "open_clip_pytorch_model.safetensors", PICKLED_WEIGHTS)
_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth")
_STATED = (*PREPROCESS, "fill_color")
SIGLIP_PREPROCESS: Mapping[str, Any] = {
    "mean": (0.5, 0.5, 0.5),
    "std": (0.5, 0.5, 0.5),
    "interpolation": "bicubic",
    "resize_mode": "squash",
}


@dataclass(frozen=True)
class Checkpoint:
    """A backbone's files, and how they are to be read.

    Attributes:
        weights: the file of weights, or the index of several.
        preprocess: what is known of mean, std, interpolation and resize mode, by open_clip's names.
        usual: what stands in for that which is not known.
        completed_by: another file, for what a lone image tower lacks.
        hugging_face: whether parameter names are Hugging Face's.
        folder: where tokenizer files may lie; None where the model's own names say it.
    """

    weights: Path
    preprocess: Mapping[str, Any]
    usual: Mapping[str, Any] = field(default_factory=lambda: OPENAI_PREPROCESS)
    completed_by: Path | None = None
    hugging_face: bool = False
    folder: Path | None = None


def check_available(config: BackboneConfig) -> None:
    """Raise unless every file of a backbone is on this machine or could be fetched now.

    Nothing large is downloaded, and no weights are read.

    Raises:
        UnknownBackboneError: see `locate`.
    """
    _locate(config, download=False)


def at_hand(config: BackboneConfig) -> bool:
    """Whether every file of a backbone is on this machine; raises as `check_available`."""
    return _locate(config, download=False) is not None


def locate(config: BackboneConfig) -> Checkpoint:
    """A backbone's files; those of the hub are fetched where they are not in its cache.

    Raises:
        MissingWeightsError: a file is neither here nor to be had.
        UnknownBackboneError: a folder without weights, an unknown tag, or weights that were trained
            with another activation than the model computes.
    """
    found = _locate(config, download=True)
    if found is None:
        raise TypeError("a download answers with a path")
    return found


def _locate(config: BackboneConfig, *, download: bool) -> Checkpoint | None:
    found: Checkpoint | None
    match config:
        case DemoBackbone():
            return _folder(shipped.BACKBONES[config.name], None)
        case FolderBackbone():
            found = _folder(config.folder, config.text)
        case HubBackbone():
            found = _repository(config, download=download)
        case OpenClipBackbone(weights=None):
            found = _tagged(config, download=download)
        case OpenClipBackbone():
            found = _file(config)
    _check_text_files(model_config(config)["text_cfg"], found, download=download)
    return found


def _folder(folder: Path, text: Path | None) -> Checkpoint:
    if (folder / OPEN_CLIP).is_file():
        if text is not None:
            raise UnknownBackboneError(
                f"`text:` completes a lone image tower in Hugging Face's form; {folder} is in "
                "open_clip's"
            )
        stated = open_clip_config(folder).get("preprocess_cfg") or {}
        return Checkpoint(
            weights=_weights(folder, _WEIGHTS),
            folder=folder,
            preprocess={key: stated[key] for key in _STATED if stated.get(key) is not None},
        )
    kind = family(hugging_face_config(folder, text))
    found = read_preprocess(folder, kind)
    if found is None and text is not None:
        found = read_preprocess(text, kind)
    return Checkpoint(
        weights=_weights(folder, _HUGGING_FACE_WEIGHTS),
        completed_by=None if text is None else _weights(text, _HUGGING_FACE_WEIGHTS),
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


def _repository(config: HubBackbone, *, download: bool) -> Checkpoint | None:
    folder = hub_folder(config)
    theirs = not (folder / OPEN_CLIP).is_file()
    names = _HUGGING_FACE_WEIGHTS if theirs else _WEIGHTS
    path = hub.obtain(config.repo, names, config.revision, download=download)
    if path is None:
        return None
    if path.name.endswith(".index.json"):
        for shard in shard_names(path):
            hub.obtain(config.repo, (shard,), config.revision, download=download)
    if theirs:
        # Both may be missing there: preprocessing is guessed then, and told.
        for optional in (PREPROCESSOR, SETTINGS):
            with suppress(MissingWeightsError):
                hub.obtain(config.repo, (optional,), config.revision)
        if "hf_tokenizer_name" in model_config(config)["text_cfg"]:
            hub.obtain(config.repo, VOCABULARIES, config.revision)
    return _folder(folder, None)


def _tagged(config: OpenClipBackbone, *, download: bool) -> Checkpoint | None:
    quick = bool(model_config(config).get("quick_gelu", False))
    tag = find_tag(config.model, str(config.pretrained), quick, built_in())
    path = hub.obtain(tag.repo, tag.files, download=download)
    return None if path is None else Checkpoint(weights=path, preprocess=tag.preprocess)


def _file(config: OpenClipBackbone) -> Checkpoint:
    path = Path(str(config.weights))
    if path.suffix not in _SUFFIXES:
        raise UnknownBackboneError(
            f"weights are read from {', '.join(_SUFFIXES)} files; {path.name} is none of these"
        )
    tag = recognised(path.absolute())
    quick = bool(model_config(config).get("quick_gelu", False))
    right = other_activation(config.model)
    if tag is not None and tag.quick_gelu != quick and right in built_in():
        raise UnknownBackboneError(gelu_mismatch(config.model, path.name, tag.quick_gelu, right))
    known = tag.preprocess if tag is not None else agreed_preprocess(config.model)
    return Checkpoint(weights=path, preprocess=known or {})


def _check_text_files(text: Mapping[str, Any], found: Checkpoint | None, *, download: bool) -> None:
    """Make sure of a Hugging Face tokenizer's, and such a text tower's, own files."""
    name = text.get("hf_tokenizer_name")
    beside = None if found is None else tokenizer_folder(found)
    if name and beside is None:
        if found is not None and (found.hugging_face or name == BESIDE):
            raise UnknownBackboneError(
                f"{found.folder} lacks its tokenizer; one of {', '.join(VOCABULARIES)} is wanted"
            )
        vocabulary = hub.obtain(name, VOCABULARIES, download=download)
        if vocabulary is not None:
            beside = vocabulary.parent
        if download:
            # Not every tokenizer has them, and whether this one does is not known out of reach.
            for companion in COMPANIONS:
                with suppress(MissingWeightsError):
                    hub.obtain(name, (companion,))
    if name and beside is not None:
        tokenizer_settings(beside)
    if tower := text.get("hf_model_name"):
        path = hub.obtain(tower, (CONFIG,), download=download)
        if path is not None:
            text_tower(path)


def shard_names(index: Path) -> list[str]:
    """The files that a `*.index.json` of sharded weights names, which lie beside it.

    Raises:
        UnknownBackboneError: malformed, or a name that leads elsewhere.
    """
    try:
        names = sorted(set(read_json(index)["weight_map"].values()))
    except (KeyError, TypeError, AttributeError) as error:
        raise UnknownBackboneError(f"{index} is not an index of shards: {error!r}") from error
    for name in names:
        if not isinstance(name, str) or Path(name).name != name:
            raise UnknownBackboneError(f"{index} is an index of files beside it; it names {name!r}")
    return names


def tokenizer_folder(checkpoint: Checkpoint) -> Path | None:
    """The folder with a Hugging Face tokenizer's files beside the weights, where there is one."""
    folder = checkpoint.folder
    if folder is None:
        return None
    return folder if any(inside(folder, name).is_file() for name in VOCABULARIES) else None
