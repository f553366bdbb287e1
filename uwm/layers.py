"""Where the editable linear layers of a tower are: one table, one lookup.

A layer is named by tower, block and role. Six roles stand for the linear maps of a transformer
block (convolutional towers have the MLP's two); a `Site` says where in a block each one is, and a
`Family` which towers have such blocks.

No torch at import time: configuration is checked against this table before anything heavy loads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from uwm.errors import UnknownBlockError, UnsupportedFamilyError
from uwm.families import (
    FAMILIES,
    ROLES,
    TOWERS,
    Blocks,
    Family,
    Role,
    Site,
    Tower,
    check_roles,
    read_by,
)

if TYPE_CHECKING:
    from torch import Tensor, nn


class LayerId(NamedTuple):
    """The name of a layer: `image.03.fc2`, or `image.03.fc1-gate` in a gated MLP."""

    tower: Tower
    block: int
    role: Role
    part: str = ""

    def __str__(self) -> str:
        return f"{self.tower}.{self.block:02d}.{self.role}" + (f"-{self.part}" if self.part else "")

    @classmethod
    def parse(cls, text: str) -> LayerId:
        """Inverse of `str`. Raises ValueError on any other text."""
        tower, block, name = text.split(".")
        role, _, part = name.partition("-")
        if tower not in TOWERS or role not in ROLES:
            raise ValueError(f"a layer reads TOWER.BLOCK.ROLE, such as image.03.fc2; got {text!r}")
        return cls(tower, int(block), role, part)


@dataclass(frozen=True)
class Layer:
    """A layer found in a model.

    Attributes:
        id: its name; blocks are counted through the tower's stages.
        block: path of its block.
        site: its place there.
        convolution: it is a 1x1 convolution, whose input has channels before positions.
    """

    id: LayerId
    block: str
    site: Site
    convolution: bool = False

    @property
    def parameter(self) -> str:
        """Path of the parameter that holds the weight."""
        return f"{self.block}.{self.site.weight}"

    @property
    def reads(self) -> str:
        """Path of the module whose input is the layer's input; query, key and value share it."""
        return f"{self.block}.{self.site.reads}"

    @property
    def input(self) -> str:
        """The name of the layer's input, `fc2/03`; query, key and value share `qkv/03`."""
        return f"{read_by([self.id.role])[0]}/{self.id.block:02d}"

    def weight(self, model: nn.Module) -> Tensor:
        """The layer's (out, in) weight: a view, so that writing to it edits the model."""
        return self.of(model.get_parameter(self.parameter))

    def of(self, parameter: Tensor) -> Tensor:
        """The layer's (out, in) part of its parameter, or of that one's gradient: a view."""
        if self.convolution:
            parameter = parameter.view(parameter.shape[:2])
        return parameter if self.site.third is None else parameter.chunk(3)[self.site.third]


def find_layers(
    model: nn.Module, tower: Tower, roles: Iterable[Role] | None = None
) -> tuple[Layer, ...]:
    """Every layer of `tower` in one of `roles` (all of them by default), block by block.

    Raises:
        UnsupportedFamilyError: no block of a known family in this tower.
        UnknownRoleError: a role that this tower's blocks do not have.
    """
    shapes = {name: value.shape for name, value in model.named_parameters()}
    for family in (family for family in FAMILIES if family.tower == tower):
        blocks = _blocks(family, shapes)
        if blocks:
            break
    else:
        known = ", ".join(family.name for family in FAMILIES if family.tower == tower)
        raise UnsupportedFamilyError(
            f"the {tower} tower of a {type(model).__name__} has no blocks of a known family "
            f"({known}); nothing there can be edited"
        )
    wanted = family.roles if roles is None else tuple(roles)
    check_roles(family, wanted)
    layers: list[Layer] = []
    for number, block in enumerate(blocks):
        for site in family.sites:
            shape = shapes.get(f"{block}.{site.weight}")
            if site.role not in wanted or (shape is None and site.role in family.sparse):
                continue
            id = LayerId(tower, number, site.role, site.part)
            if shape is None or any(size != 1 for size in shape[2:]):
                raise UnsupportedFamilyError(
                    f"{family.name} blocks hold a linear map in {site.weight}; {block} of this "
                    f"model has {'none' if shape is None else tuple(shape)} there"
                )
            layers.append(Layer(id, block, site, convolution=len(shape) == 4))
    return tuple(layers)


def pick_blocks(layers: Sequence[Layer], blocks: Blocks) -> tuple[Layer, ...]:
    """Those of a tower's `layers` that lie in `blocks`; of an odd number the middle one is early.

    Raises:
        UnknownBlockError: none of the layers lies in a block that is asked for.
    """
    there = sorted({layer.id.block for layer in layers})
    half = (len(there) + 1) // 2
    match blocks:
        case "all":
            wanted = there
        case "early":
            wanted = there[:half]
        case "late":
            wanted = there[half:]
        case _:
            wanted = sorted(set(blocks))
    if not wanted or not set(wanted) <= set(there):
        raise UnknownBlockError(
            f"blocks of the {layers[0].id.tower} tower with a layer to edit are "
            f"{', '.join(map(str, there))}; got {blocks if isinstance(blocks, str) else wanted}"
        )
    return tuple(layer for layer in layers if layer.id.block in wanted)


def _blocks(family: Family, parameters: Iterable[str]) -> list[str]:
    """Paths of the family's blocks in order, if its every site is found in some block."""
    pattern = re.compile(rf"({family.blocks})\.(.+)")
    matches = [match for name in parameters if (match := pattern.fullmatch(name))]
    if not {site.weight for site in family.sites} <= {match[match.re.groups] for match in matches}:
        return []
    numbers = range(2, pattern.groups)
    order = {match[1]: tuple(int(match[number]) for number in numbers) for match in matches}
    return sorted(order, key=order.__getitem__)
