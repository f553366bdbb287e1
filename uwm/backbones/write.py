"""Backbones on disk: a folder that open_clip or Hugging Face's classes load as it is."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from open_clip.tokenizer import HFTokenizer, SimpleTokenizer
from safetensors.torch import save_file
from torch import Tensor

from uwm.backbones.architecture import canonical
from uwm.backbones.backbone import Backbone
from uwm.backbones.catalog import HUGGING_FACE, OPEN_CLIP
from uwm.backbones.hugging_face.config import Family, family, to_model_config
from uwm.backbones.hugging_face.names import to_hugging_face
from uwm.backbones.hugging_face.preprocessing import PREPROCESSOR
from uwm.backbones.hugging_face.write import preprocessor, to_config
from uwm.backbones.pretrained import SAFE_WEIGHTS
from uwm.errors import InputError, UnsupportedFamilyError
from uwm.families import TOWERS

Form = Literal["open_clip", "hf"]
_MERGES = "merges.txt.gz"
_OPENAI_MERGES = 48_894
"""Merges of open_clip's own vocabulary, which every copy of it has."""


def write_backbone(
    folder: Path, backbone: Backbone, form: Form, provenance: Mapping[str, str] | None = None
) -> None:
    """Write `backbone` as it is now, edits in place included, in either form.

    The folder appears whole or not at all.

    Args:
        folder: a path where nothing is yet, or an empty folder.
        provenance: kept in the header of the weights file, beside `format`.

    Raises:
        InputError: there is something at `folder`.
        UnsupportedFamilyError: Hugging Face's classes have no such network.
    """
    write = {"open_clip": write_open_clip_folder, "hf": write_hugging_face_folder}[form]
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"a backbone is written to a new folder; {folder} is there already")
    draft = folder.with_name(f".{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir(parents=True)
        write(draft, backbone, provenance or {})
        if folder.exists():
            folder.rmdir()
        draft.rename(folder)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_open_clip_folder(folder: Path, backbone: Backbone, provenance: Mapping[str, str]) -> None:
    """What open_clip loads as `local-dir:`: configuration, weights, and a tokenizer of its own."""
    config: dict[str, Any] = json.loads(json.dumps(backbone.model_config))
    tokenizer = backbone.tokenizer
    if isinstance(tokenizer, HFTokenizer):
        tokenizer.tokenizer.save_pretrained(str(folder))
    elif len(tokenizer.bpe_ranks) != _OPENAI_MERGES:
        lines = ["#version: 0.2", *(" ".join(pair) for pair in tokenizer.bpe_ranks)]
        (folder / _MERGES).write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))
        config["text_cfg"]["tokenizer_kwargs"]["bpe_path"] = _MERGES
    geometry, normalization = backbone.geometry, backbone.normalization
    square = geometry.height == geometry.width
    preprocess = {
        "size": geometry.height if square else [geometry.height, geometry.width],
        "mode": "RGB",
        **normalization.model_dump(),
        **geometry.model_dump(exclude={"height", "width"}),
    }
    _write_json(folder / OPEN_CLIP, {"model_cfg": config, "preprocess_cfg": preprocess})
    _write_weights(folder / SAFE_WEIGHTS, backbone.model.state_dict(), provenance)


def write_hugging_face_folder(
    folder: Path, backbone: Backbone, provenance: Mapping[str, str]
) -> None:
    """What transformers' CLIPModel or SiglipModel loads, with its processor's files.

    Raises:
        UnsupportedFamilyError: these classes cannot compute what the backbone does.
    """
    found = backbone.model_config
    config = to_config(found)
    try:
        again = to_model_config(config)
        same = all(canonical(again, tower) == canonical(found, tower) for tower in TOWERS)
    except InputError:
        same = False
    if not same or "multimodal_cfg" in found:
        raise UnsupportedFamilyError(
            "Hugging Face's CLIP and SigLIP classes cannot compute what this backbone does; "
            "write it as open_clip"
        )
    kind = family(config)
    _write_json(folder / HUGGING_FACE, config)
    _write_json(
        folder / PREPROCESSOR, preprocessor(backbone.geometry, backbone.normalization, kind)
    )
    _write_tokenizer(folder, backbone, kind)
    weights = to_hugging_face(backbone.model.state_dict(), found)
    _write_weights(folder / "model.safetensors", weights, provenance)


def _write_tokenizer(folder: Path, backbone: Backbone, kind: Family) -> None:
    tokenizer = backbone.tokenizer
    if isinstance(tokenizer, HFTokenizer):
        tokenizer.tokenizer.save_pretrained(str(folder))
        return
    _check_lowercase(tokenizer, kind)
    start, end = "<|startoftext|>", "<|endoftext|>"
    vocabulary = dict(tokenizer.encoder)
    vocabulary[start] = vocabulary.pop("<start_of_text>")
    vocabulary[end] = vocabulary.pop("<end_of_text>")
    _write_json(folder / "vocab.json", vocabulary)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in tokenizer.bpe_ranks)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    settings = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": tokenizer.context_length,
        "bos_token": start,
        "eos_token": end,
        "pad_token": end,
        "unk_token": end,
    }
    _write_json(folder / "tokenizer_config.json", settings)


def _check_lowercase(tokenizer: SimpleTokenizer, kind: Family) -> None:
    if kind != "clip" or tokenizer.encode("A b") != tokenizer.encode("a B"):
        raise UnsupportedFamilyError(
            "this tokenizer has no form in Hugging Face's classes; write this backbone as open_clip"
        )


def _write_weights(
    path: Path, weights: Mapping[str, Tensor], provenance: Mapping[str, str]
) -> None:
    """One safetensors file; `format` is what transformers looks for in its header."""
    tensors = {name: value.cpu().contiguous() for name, value in weights.items()}
    save_file(tensors, path, {**provenance, "format": "pt"})
    path.chmod(0o644)  # the library's own is for the owner alone


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
