"""What every part of the configuration shares: strict models and the types of their fields."""

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
    """A part of the configuration: immutable, and a key that it does not know is an error."""


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
            "a name begins with a letter or digit and has only those and . _ @ + - space"
        )
    if len(name) > _LONGEST_NAME:  # names become parts of paths and columns of tables
        raise ValueError(f"a name has at most {_LONGEST_NAME} characters; this has {len(name)}")
    return name


def _exists(path: Path) -> Path:
    if not (path.is_file() or path.is_dir()):  # nor to a pipe, which would never end
        raise ValueError("path does not point to a file or a directory")
    return path


Place = Annotated[Path, BeforeValidator(_resolve)]
"""A path that may point to nothing."""
Data = Annotated[Place, AfterValidator(_exists)]
File = Annotated[FilePath, BeforeValidator(_resolve)]
Folder = Annotated[DirectoryPath, BeforeValidator(_resolve)]
Name = Annotated[str, AfterValidator(_slug)]
Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Factor = Annotated[float, AfterValidator(_finite)]
