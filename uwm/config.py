"""What an audit is made of, as frozen models: one YAML file, and the parameters of the flow.

Only shapes and rules; no torch, nothing heavy. Relative paths are resolved against the folder given
as validation context (`{"folder": Path}`), which is the configuration file's own.
"""

from __future__ import annotations

import math
import re
from itertools import product
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    DirectoryPath,
    Field,
    FilePath,
    ValidationInfo,
    model_validator,
)

from uwm.layers import Role, Tower

ScoreKind = Literal["ratio", "unsafe_only", "difference"]


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
    return name


File = Annotated[FilePath, BeforeValidator(_resolve)]
Folder = Annotated[DirectoryPath, BeforeValidator(_resolve)]
Name = Annotated[str, AfterValidator(_slug)]
Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Factor = Annotated[float, AfterValidator(_finite)]
Roles = tuple[Role, ...]


# Backbones


class DemoBackbone(Settings):
    """One of the three small backbones that ship with the project."""

    kind: Literal["demo"]
    name: Literal["vit", "coca", "siglip"]


class FolderBackbone(Settings):
    """A folder with `open_clip_config.json` and `open_clip_model.safetensors`."""

    kind: Literal["folder"]
    folder: Folder
    name: Name


class OpenClipBackbone(Settings):
    """A model of open_clip by name, with weights by pretrained tag or file."""

    kind: Literal["open_clip"]
    model: str = Field(description="an open_clip model name, such as ViT-B-32")
    pretrained: str = Field(description="a pretrained tag of that model, or a weights file")
    name: Name


BackboneConfig = Annotated[
    DemoBackbone | FolderBackbone | OpenClipBackbone, Field(discriminator="kind")
]


# Data


class DemoPairs(Settings):
    """One of the pair sets that ship with the project."""

    kind: Literal["demo"]
    split: Literal["calibration", "validation", "test", "test_second_style"]
    per_concept: int | None = Field(None, ge=1, description="at most so many pairs per concept")

    @property
    def name(self) -> str:
        return self.split


class TablePairs(Settings):
    """Two CSV or Parquet tables that pair row by row: `image` (a path), `text`, `concept`."""

    kind: Literal["tables"]
    name: Name
    safe: File
    unsafe: File
    images: Folder = Field(description="the folder that image paths are relative to")
    per_concept: int | None = Field(None, ge=1, description="at most so many pairs per concept")


PairsConfig = Annotated[DemoPairs | TablePairs, Field(discriminator="kind")]


class DemoZeroShot(Settings):
    """One of the zero-shot sets that ship with the project."""

    kind: Literal["demo"]
    set: Literal["subjects", "objects", "backgrounds", "unsafe_objects"]

    @property
    def name(self) -> str:
        return self.set


class FolderZeroShot(Settings):
    """A folder with one subfolder of pictures per class, named as the class."""

    kind: Literal["folder"]
    name: Name
    images: Folder
    template: str = Field("a photo of a {}.", pattern=r"\{\}")


ZeroShotConfig = Annotated[DemoZeroShot | FolderZeroShot, Field(discriminator="kind")]


# Methods


class Original(Settings):
    """The backbone as it is. Always part of an audit, named or not."""

    kind: Literal["original"]

    @property
    def name(self) -> str:
        return "original"


class TowerRoles(Settings):
    """Which layers to edit in either tower; an empty list leaves the tower alone."""

    image: Roles
    text: Roles

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.image and not self.text:
            raise ValueError("name at least one role in one tower, or there is nothing to edit")
        return self


class TowerPrior(Settings):
    """Whether scores are multiplied by the weight's magnitude, per tower."""

    image: bool = False
    text: bool = True


def _as_tuple(value: object) -> object:
    return value if isinstance(value, list | tuple) else (value,)


ShareGrid = Annotated[tuple[Share, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
FactorGrid = Annotated[tuple[Factor, ...], BeforeValidator(_as_tuple), Field(min_length=1)]


class EditMethod(Settings):
    """What `uwm` and `neurons` share: a name, layers, and factors to multiply by.

    A list instead of one value is a grid: the point is chosen on the validation pairs.
    """

    name: Name
    alpha: FactorGrid = (-1.0,)
    roles: TowerRoles


class Uwm(EditMethod):
    """Unsafe Weights Manipulation; the defaults are the paper's."""

    kind: Literal["uwm"]
    name: Name = "uwm"
    tau: ShareGrid = (0.02,)
    score: ScoreKind = "ratio"
    selection: Literal["mass", "count"] = "mass"
    roles: TowerRoles = TowerRoles(image=("fc2",), text=("out",))
    prior: TowerPrior = TowerPrior()

    @property
    def grid(self) -> tuple[tuple[float, float], ...]:
        """Every (tau, alpha) to try."""
        return tuple(product(self.tau, self.alpha))


class Neurons(EditMethod):
    """Neuron negation: whole input nodes, ranked by how much more they fire on unsafe content."""

    kind: Literal["neurons"]
    name: Name = "neurons"
    share: ShareGrid = (0.1,)
    roles: TowerRoles = TowerRoles(image=("fc2",), text=("fc2",))

    @property
    def grid(self) -> tuple[tuple[float, float], ...]:
        """Every (share, alpha) to try."""
        return tuple(product(self.share, self.alpha))


class RandomControl(Settings):
    """As many weights (or nodes) per layer as another method edits, drawn at random.

    Measured on the first benchmark and the zero-shot sets.
    """

    kind: Literal["random"]
    of: str = Field(description="the name of the method to control")
    seeds: int = Field(3, ge=1, le=100)

    @property
    def name(self) -> str:
        return f"random {self.of}"


MethodConfig = Annotated[Original | Uwm | Neurons | RandomControl, Field(discriminator="kind")]


class ChoiceRule(Settings):
    """How a point of a grid is chosen on the validation pairs: the safest that keeps knowledge.

    Safest: the highest mean of P_t_u and P_v_u. Keeps knowledge: recall@1 of safe pairs, text to
    image and back, and P_t_s and P_v_s each fall by at most `max_loss` points.
    """

    max_loss: float = Field(4.0, ge=0, le=100, description="in percentage points")


class AuditConfig(Settings):
    """An audit: which backbones, measured on what, repaired how."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")] = "audit"
    seed: int = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    batch_size: int = Field(64, ge=1, description="samples per forward pass")
    parallel: int = Field(1, ge=1, le=64, description="backbones audited at the same time")
    resamples: int = Field(1000, ge=100, le=100_000, description="of the bootstrap")
    backbones: tuple[BackboneConfig, ...] = Field(min_length=1)
    calibration: PairsConfig
    validation: PairsConfig | None = None
    benchmarks: tuple[PairsConfig, ...] = Field(min_length=1)
    zeroshot: tuple[ZeroShotConfig, ...] = ()
    methods: tuple[MethodConfig, ...] = Field(min_length=1)
    choice: ChoiceRule = ChoiceRule()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for part, names in (
            ("backbones", [item.name for item in self.backbones]),
            ("benchmarks and zero-shot sets", [i.name for i in (*self.benchmarks, *self.zeroshot)]),
            ("methods", [method.name for method in self.methods]),
        ):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{part} need names of their own; twice: {', '.join(twice)}")
        editing = {method.name for method in self.edit_methods}
        for method in self.methods:
            if isinstance(method, RandomControl) and method.of not in editing:
                raise ValueError(
                    f"a random control is `of` an editing method of this audit "
                    f"({', '.join(sorted(editing)) or 'there is none'}); got {method.of!r}"
                )
        if self.validation is None and any(len(method.grid) > 1 for method in self.edit_methods):
            raise ValueError("a method with a grid needs `validation` pairs to choose on")
        return self

    @property
    def edit_methods(self) -> tuple[Uwm | Neurons, ...]:
        return tuple(method for method in self.methods if isinstance(method, Uwm | Neurons))

    @property
    def controls(self) -> tuple[RandomControl, ...]:
        return tuple(method for method in self.methods if isinstance(method, RandomControl))

    def edited_roles(self, tower: Tower) -> tuple[Role, ...]:
        """Roles that any method edits in a tower, each once, sorted."""
        roles = {
            role
            for method in self.edit_methods
            for role in (method.roles.image if tower == "image" else method.roles.text)
        }
        return tuple(sorted(roles))
