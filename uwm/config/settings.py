"""The strict base model of all parts of the configuration, and the types of their fields."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    DirectoryPath,
    Field,
    FilePath,
    ValidationInfo,
)

_LONGEST_NAME = 100


class Settings(BaseModel, frozen=True, extra="forbid"):
    """A part of the configuration. It is immutable and rejects unknown keys."""


def _resolve(path: object, info: ValidationInfo) -> object:
    folder = (info.context or {}).get("folder")
    if folder is not None and isinstance(path, str):
        return Path(folder) / Path(path).expanduser()
    return path


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


def _slug(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@ +-]*", name):
        raise ValueError(
            "a name begins with a letter or digit; it may also have spaces and . _ @ + -"
        )
    if len(name) > _LONGEST_NAME:  # names become parts of paths and columns of tables
        raise ValueError(f"a name has at most {_LONGEST_NAME} characters; this has {len(name)}")
    return name


def _exists(path: Path) -> Path:
    if not (path.is_file() or path.is_dir()):  # this rejects pipes too, whose reading may hang
        raise ValueError("path does not point to a file or a directory")
    return path


Place = Annotated[Path, BeforeValidator(_resolve)]
"""A path that need not exist."""
Data = Annotated[Place, AfterValidator(_exists)]
File = Annotated[FilePath, BeforeValidator(_resolve)]
Folder = Annotated[DirectoryPath, BeforeValidator(_resolve)]
Name = Annotated[str, AfterValidator(_slug)]
Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Factor = Annotated[float, AfterValidator(_finite)]
