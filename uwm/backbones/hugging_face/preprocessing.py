"""Hugging Face's `preprocessor_config.json`, to open_clip's preprocessing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from uwm.backbones.files import inside, read_json
from uwm.backbones.hugging_face.borrowed import refuse_code
from uwm.backbones.hugging_face.config import Family
from uwm.errors import UnknownBackboneError

PREPROCESSOR = "preprocessor_config.json"
BILINEAR, BICUBIC = 2, 3
"""Pillow's numbers, which the file uses."""


def read_preprocess(folder: Path, kind: Family) -> dict[str, Any] | None:
    """Mean, std, interpolation and resize mode that a folder states; None where it says nothing.

    Raises:
        UnknownBackboneError: steps that open_clip's preprocessing has not.
    """
    path = inside(folder, PREPROCESSOR)
    if not path.is_file():
        return None
    try:
        found: Mapping[str, Any] = read_json(path)
        resample = found.get("resample", BICUBIC)
        interpolation = {BILINEAR: "bilinear", BICUBIC: "bicubic"}[resample]
        size = found.get("size")
        # A single number is the shortest edge; height and width are met exactly, by squashing.
        squash = isinstance(size, Mapping) and "height" in size and not found.get("do_center_crop")
        if size is None:
            squash = kind == "siglip"
        prepared = {
            "mean": _channels(found["image_mean"]),
            "std": _channels(found["image_std"]),
            "interpolation": interpolation,
            "resize_mode": "squash" if squash else "shortest",
        }
    except (UnknownBackboneError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise UnknownBackboneError(
            f"{path} should have image_mean and image_std of three channels and resample bilinear "
            f"(2) or bicubic (3): {error!r}. Mend it, or say it in the audit as `preprocess:`"
        ) from error
    refuse_code(found, path)
    return prepared


def _channels(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    if not all(math.isfinite(value) for value in (red, green, blue)):
        raise ValueError(f"{values} are not numbers")
    return red, green, blue
