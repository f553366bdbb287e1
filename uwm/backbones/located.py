"""What is found of a backbone before anything is loaded: its files, and how they are to be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from uwm.backbones.pretrained import OPENAI_PREPROCESS


@dataclass(frozen=True)
class LocatedFiles:
    """A backbone's files, and how they are to be read.

    Attributes:
        model_config: open_clip's `model_cfg`, checked; what the network is built of.
        weights: the file of weights, or the index of several.
        preprocess: what is known of mean, std, interpolation and resize mode, by open_clip's names.
        usual: what stands in for that which is not known.
        completed_by: another file, for what a lone image tower lacks.
        hugging_face: whether parameter names are Hugging Face's.
        folder: where tokenizer files may lie; None where the model's own names say it.
        built_in: the model's name in open_clip; None for a folder's.
    """

    model_config: dict[str, Any]
    weights: Path
    preprocess: Mapping[str, Any]
    usual: Mapping[str, Any] = field(default_factory=lambda: OPENAI_PREPROCESS)
    completed_by: Path | None = None
    hugging_face: bool = False
    folder: Path | None = None
    built_in: str | None = None
