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
_ALWAYS = ("do_resize", "do_rescale", "do_normalize")
_STEPS = (*_ALWAYS, "do_center_crop", "do_convert_rgb")
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
        _check_steps(found)
        size = found.get("size")
        # A single number is the shortest edge; height and width are met exactly, by squashing.
        squash = isinstance(size, Mapping) and "height" in size
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
            f"{path} should have image_mean and image_std of three channels, resample bilinear "
            f"(2) or bicubic (3), and no step that open_clip's preprocessing lacks: {error}. "
            "Correct it there; as `preprocess:` an audit may say what is missing"
        ) from error
    refuse_code(found, path)
    return prepared


def _check_steps(found: Mapping[str, Any]) -> None:
    """Raise ValueError where a step is left out, added or done otherwise than open_clip does it."""
    for step in _ALWAYS:
        if found.get(step, True) is not True:
            raise ValueError(f"{step} is {found[step]!r}; open_clip's preprocessing always does it")
    for step, done in found.items():
        if step.startswith("do_") and done and step not in _STEPS:
            raise ValueError(f"{step} is a step that open_clip's preprocessing lacks")
    factor = float(found.get("rescale_factor", 1 / 255))
    if not math.isclose(factor, 1 / 255, rel_tol=1e-4):
        raise ValueError(f"rescale_factor is {factor}; open_clip divides by 255")
    size, crop = _edges(found.get("size")), _edges(found.get("crop_size"))
    if found.get("do_center_crop", True) and size and crop and size != crop:
        raise ValueError(f"it resizes to {size} and crops {crop}; open_clip resizes to the crop")


def _edges(size: Any) -> set[int]:
    """The lengths in pixels that a size names; of another form, none."""
    named = size.values() if isinstance(size, Mapping) else [size]
    return {length for length in named if isinstance(length, int)}


def _channels(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    if not all(math.isfinite(value) for value in (red, green, blue)):
        raise ValueError(f"{values} are not numbers")
    return red, green, blue
