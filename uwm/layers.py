"""Where the editable linear layers of a tower are: one table, one lookup.

A layer is named by tower, block and role. Six roles stand for the linear maps of a transformer
block; `Site` says, relative to the block, which parameter holds the weight (and which third of its
rows, where query, key and value are packed) and which module's input is the layer's input.

No torch at import time: configuration is checked against this table before anything heavy loads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from uwm.errors import UnknownRoleError, UnsupportedFamilyError

if TYPE_CHECKING:
    from torch import Tensor, nn

Tower = Literal["image", "text"]
Role = Literal["query", "key", "value", "out", "fc1", "fc2"]
TOWERS: tuple[Tower, ...] = get_args(Tower)
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True)
class Site:
    """One role's place in a block: paths below the block."""

    weight: str
    reads: str
    third: int | None = None


@dataclass(frozen=True)
class Family:
    """Blocks that share one layout. `blocks` is a pattern for their module paths."""

    name: str
    tower: Tower
    blocks: str
    sites: Mapping[Role, Site]


def _packed(weight: str, reads: str) -> dict[Role, Site]:
    """Query, key and value as the thirds of one parameter's rows, all reading one input."""
    return {
        "query": Site(weight, reads, 0),
        "key": Site(weight, reads, 1),
        "value": Site(weight, reads, 2),
    }


_NATIVE: dict[Role, Site] = {
    **_packed("attn.in_proj_weight", "attn"),
    "out": Site("attn.out_proj.weight", "attn.out_proj"),
    "fc1": Site("mlp.c_fc.weight", "mlp.c_fc"),
    "fc2": Site("mlp.c_proj.weight", "mlp.c_proj"),
}
_TIMM_VIT: dict[Role, Site] = {
    **_packed("attn.qkv.weight", "attn.qkv"),
    "out": Site("attn.proj.weight", "attn.proj"),
    "fc1": Site("mlp.fc1.weight", "mlp.fc1"),
    "fc2": Site("mlp.fc2.weight", "mlp.fc2"),
}

NATIVE_IMAGE = Family("native ViT", "image", r"visual\.transformer\.resblocks\.(\d+)", _NATIVE)
TIMM_VIT_IMAGE = Family("timm ViT", "image", r"visual\.trunk\.blocks\.(\d+)", _TIMM_VIT)
NATIVE_TEXT = Family("native text", "text", r"(?:text\.)?transformer\.resblocks\.(\d+)", _NATIVE)
FAMILIES = (NATIVE_IMAGE, TIMM_VIT_IMAGE, NATIVE_TEXT)


class LayerId(NamedTuple):
    """The name of a layer: `image.03.fc2`."""

    tower: Tower
    block: int
    role: Role

    def __str__(self) -> str:
        return f"{self.tower}.{self.block:02d}.{self.role}"

    @classmethod
    def parse(cls, text: str) -> LayerId:
        """Inverse of `str`. Raises ValueError on any other text."""
        tower, block, role = text.split(".")
        if tower not in TOWERS or role not in ROLES:
            raise ValueError(f"a layer reads TOWER.BLOCK.ROLE, such as image.03.fc2; got {text!r}")
        return cls(tower, int(block), role)


@dataclass(frozen=True)
class Layer:
    """A layer found in a model.

    Attributes:
        id: its name.
        parameter: path of the parameter that holds the weight.
        reads: path of the module whose input is the layer's input; query, key and value share it.
        third: which third of the parameter's rows is the weight, None for all.
    """

    id: LayerId
    parameter: str
    reads: str
    third: int | None

    @property
    def input(self) -> str:
        """The name of the layer's input, `fc2/03`; packed query, key and value share `qkv/03`."""
        return f"{self.id.role if self.third is None else 'qkv'}/{self.id.block:02d}"

    def weight(self, model: nn.Module) -> Tensor:
        """The layer's (out, in) weight: a view, so that writing to it edits the model."""
        parameter = model.get_parameter(self.parameter)
        return parameter if self.third is None else parameter.chunk(3)[self.third]


def find_layers(model: nn.Module, tower: Tower, roles: Iterable[Role]) -> tuple[Layer, ...]:
    """Every layer of `tower` in one of `roles`, by block, then in the order of `ROLES`.

    Raises:
        UnsupportedFamilyError: no block of a known family in this tower.
        UnknownRoleError: a role that this tower's blocks do not have.
    """
    wanted = set(roles)
    names = {name for name, _ in model.named_parameters()}
    for family in (family for family in FAMILIES if family.tower == tower):
        pattern = re.compile(rf"({family.blocks})\..+")
        matches = (match for name in names if (match := pattern.fullmatch(name)))
        blocks = {int(match[2]): match[1] for match in matches}
        if blocks:
            break
    else:
        known = ", ".join(family.name for family in FAMILIES if family.tower == tower)
        raise UnsupportedFamilyError(
            f"the {tower} tower of a {type(model).__name__} has no blocks of a known family "
            f"({known}); nothing there can be edited"
        )
    check_roles(family, wanted)
    layers = [
        Layer(
            LayerId(tower, block, role), f"{path}.{site.weight}", f"{path}.{site.reads}", site.third
        )
        for block, path in sorted(blocks.items())
        for role, site in family.sites.items()
        if role in wanted
    ]
    if missing := [layer.parameter for layer in layers if layer.parameter not in names]:
        raise UnsupportedFamilyError(
            f"{family.name} blocks should hold {missing[0]}, which this model lacks"
        )
    return tuple(layers)


def check_roles(family: Family, roles: Iterable[str]) -> None:
    """Raise UnknownRoleError unless the blocks of `family` have every role."""
    if unknown := sorted(set(roles) - set(family.sites)):
        raise UnknownRoleError(
            f"{family.name} blocks have the roles {', '.join(family.sites)}; "
            f"got {', '.join(unknown)}. Choose among the former."
        )


def family_of(model_config: Mapping[str, Any], tower: Tower) -> Family:
    """The family that an open_clip model configuration (`model_cfg`) will have in `tower`.

    Raises:
        UnsupportedFamilyError: a family that this version cannot edit.
    """
    if tower == "text":
        if "hf_model_name" in model_config.get("text_cfg", {}):
            raise UnsupportedFamilyError(
                "text towers from Hugging Face cannot be edited yet; "
                "choose a backbone with open_clip's own text tower"
            )
        return NATIVE_TEXT
    vision: Mapping[str, Any] = model_config.get("vision_cfg", {})
    timm_name = vision.get("timm_model_name")
    if timm_name is not None:
        if re.match(r"(test_)?vit\d*_", f"{timm_name}_"):
            return TIMM_VIT_IMAGE
        raise UnsupportedFamilyError(
            f"the image tower {timm_name} is of a family that cannot be edited yet; "
            "choose a backbone with a ViT image tower"
        )
    if isinstance(vision.get("layers"), Sequence):
        raise UnsupportedFamilyError(
            "a ResNet image tower has no transformer blocks, so no role can be edited there; "
            "choose a backbone with a ViT image tower"
        )
    return NATIVE_IMAGE
