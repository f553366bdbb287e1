"""The families of towers whose blocks can be edited: one table.

A `Site` says where in a block each linear map is, and a `Family` which towers have such blocks.
No torch here: configuration is checked against this table before anything heavy loads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from uwm.errors import UnknownRoleError, UnsupportedFamilyError

Tower = Literal["image", "text"]


Role = Literal["query", "key", "value", "out", "fc1", "fc2"]


Blocks = Literal["all", "early", "late"] | tuple[int, ...]
"""Blocks of a tower: all, its first or its second half, or by number from 0."""


TOWERS: tuple[Tower, ...] = get_args(Tower)


ROLES: tuple[Role, ...] = get_args(Role)
LayerInput = Literal["qkv", "out", "fc1", "fc2"]
"""What layers of a block read: query, key and value share one input, every other role has its own.
"""


@dataclass(frozen=True)
class Site:
    """The place of a layer in a block: paths below the block.

    Attributes:
        role: what the layer does there.
        weight: the parameter that holds its weight.
        reads: the module whose input is the layer's input.
        third: which third of the parameter's rows is the weight, None for all.
        part: tells a gated MLP's two layers in role fc1 apart.
    """

    role: Role
    weight: str
    reads: str
    third: int | None = None
    part: str = ""


@dataclass(frozen=True)
class Family:
    """Blocks that share one layout.

    Attributes:
        blocks: a pattern for their module paths; its groups are numbers that order them.
        model: a pattern for the names of the timm or Hugging Face models that have such blocks,
            None where open_clip's own classes do.
        sparse: roles that only some of the blocks have.
    """

    name: str
    tower: Tower
    blocks: str
    sites: tuple[Site, ...]
    model: str | None = None
    sparse: frozenset[Role] = frozenset()

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles that its blocks have, in the order of `ROLES`."""
        found = {site.role for site in self.sites}
        return tuple(role for role in ROLES if role in found)


_QKV: tuple[Role, ...] = ("query", "key", "value")
INPUT_ROLES: dict[LayerInput, tuple[Role, ...]] = {
    "qkv": _QKV,
    "out": ("out",),
    "fc1": ("fc1",),
    "fc2": ("fc2",),
}
"""The roles that read each input."""


def read_by(roles: Iterable[Role]) -> tuple[LayerInput, ...]:
    """The inputs that layers of some roles read, each once, in the order of `INPUT_ROLES`."""
    wanted = {*roles}
    return tuple(name for name, readers in INPUT_ROLES.items() if wanted.intersection(readers))


def _packed(weight: str, reads: str) -> tuple[Site, ...]:
    """Query, key and value as the thirds of one parameter's rows, all reading one input."""
    return tuple(Site(role, weight, reads, third) for third, role in enumerate(_QKV))


def _separate(query: str, key: str, value: str) -> tuple[Site, ...]:
    """Query, key and value as layers of their own, all reading what the first one reads."""
    return tuple(
        Site(role, f"{path}.weight", query)
        for role, path in zip(_QKV, (query, key, value), strict=True)
    )


def _plain(role: Role, path: str, part: str = "") -> Site:
    """A linear layer, or a 1x1 convolution, that is called as a module."""
    return Site(role, f"{path}.weight", path, part=part)


def _gated(gate: str, up: str) -> tuple[Site, Site]:
    """The two halves of a gated MLP's first map, fc2(act(gate(x)) * up(x)); they read one input."""
    return (
        Site("fc1", f"{gate}.weight", gate, part="gate"),
        Site("fc1", f"{up}.weight", gate, part="up"),
    )


_NATIVE = (
    *_packed("attn.in_proj_weight", "attn"),
    _plain("out", "attn.out_proj"),
    _plain("fc1", "mlp.c_fc"),
    _plain("fc2", "mlp.c_proj"),
)


_TIMM_MLP = (_plain("fc1", "mlp.fc1"), _plain("fc2", "mlp.fc2"))


# Attention's own input is that of its packed projection, which some EVA towers use without calling.
_TIMM_ATTENTION = (*_packed("attn.qkv.weight", "attn"), _plain("out", "attn.proj"))


_TRUNK_BLOCKS = r"visual\.trunk\.blocks\.(\d+)"


_TRUNK_STAGES = r"visual\.trunk\.stages\.(\d+)\.blocks\.(\d+)"


FAMILIES = (
    Family("native ViT", "image", r"visual\.transformer\.resblocks\.(\d+)", _NATIVE),
    Family(
        "timm ViT",
        "image",
        _TRUNK_BLOCKS,
        (*_TIMM_ATTENTION, *_TIMM_MLP),
        model=r"(test_)?vit\d*_.+|test_vit\d*|eva_giant_.+|eva02_enormous_.+",
    ),
    Family(
        "EVA-02",
        "image",
        _TRUNK_BLOCKS,
        (
            *_separate("attn.q_proj", "attn.k_proj", "attn.v_proj"),
            _plain("out", "attn.proj"),
            *_gated("mlp.fc1_g", "mlp.fc1_x"),
            _plain("fc2", "mlp.fc2"),
        ),
        model=r"eva02_.+",
    ),
    Family(
        "ViTamin",
        "image",
        _TRUNK_BLOCKS,
        (*_TIMM_ATTENTION, *_gated("mlp.w0", "mlp.w1"), _plain("fc2", "mlp.w2")),
        model=r"vitamin_.+",
    ),
    Family(
        "FastViT",
        "image",
        _TRUNK_STAGES,
        (
            *_packed("token_mixer.qkv.weight", "token_mixer.qkv"),
            _plain("out", "token_mixer.proj"),
            *_TIMM_MLP,
        ),
        model=r"fastvit_.+",
        sparse=frozenset({*_QKV, "out"}),
    ),
    Family("ConvNeXt", "image", _TRUNK_STAGES, _TIMM_MLP, model=r"convnext_.+"),
    Family(
        "Swin",
        "image",
        r"visual\.trunk\.layers\.(\d+)\.blocks\.(\d+)",
        (*_TIMM_ATTENTION, *_TIMM_MLP),
        model=r"swin_.+",
    ),
    Family("native text", "text", r"(?:text\.)?transformer\.resblocks\.(\d+)", _NATIVE),
    Family(
        "BERT",
        "text",
        r"text\.transformer\.encoder\.layer\.(\d+)",
        (
            *_separate("attention.self.query", "attention.self.key", "attention.self.value"),
            _plain("out", "attention.output.dense"),
            _plain("fc1", "intermediate.dense"),
            _plain("fc2", "output.dense"),
        ),
        model=r".*bert.*",
    ),
    Family(
        "T5",
        "text",
        r"text\.transformer\.block\.(\d+)",
        (
            *_separate(*(f"layer.0.SelfAttention.{name}" for name in "qkv")),
            _plain("out", "layer.0.SelfAttention.o"),
            *_gated("layer.1.DenseReluDense.wi_0", "layer.1.DenseReluDense.wi_1"),
            _plain("fc2", "layer.1.DenseReluDense.wo"),
        ),
        model=r".*mt5.*",
    ),
    Family(
        "M2M-100",
        "text",
        r"text\.transformer\.layers\.(\d+)",
        (
            *_separate("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
            _plain("out", "self_attn.out_proj"),
            _plain("fc1", "fc1"),
            _plain("fc2", "fc2"),
        ),
        model=r".*(nllb|m2m).*",
    ),
)
"""Tried in this order, so a narrower pattern stands before a wider one."""


def check_roles(family: Family, roles: Iterable[str]) -> None:
    """Raise UnknownRoleError unless the blocks of `family` have every role."""
    if unknown := sorted(set(roles) - set(family.roles)):
        raise UnknownRoleError(
            f"{family.name} blocks have the roles {', '.join(family.roles)}; "
            f"got {', '.join(unknown)}. Choose among the former."
        )


def family_of(model_config: Mapping[str, Any], tower: Tower) -> Family:
    """The family that an open_clip model configuration (`model_cfg`) will have in `tower`.

    Raises:
        UnsupportedFamilyError: a family that cannot be edited.
    """
    if tower == "text":
        borrowed = model_config.get("text_cfg", {}).get("hf_model_name")
    else:
        vision: Mapping[str, Any] = model_config.get("vision_cfg", {})
        borrowed = vision.get("timm_model_name")
        if borrowed is None and isinstance(vision.get("layers"), Sequence):
            raise UnsupportedFamilyError(
                "a ResNet image tower has convolutions and an attention pool, but no transformer "
                "blocks, so no role can be edited there; edit its text tower only (`image: []`), "
                "or choose a backbone with a ViT image tower"
            )
    for family in (family for family in FAMILIES if family.tower == tower):
        if borrowed is None and family.model is None:
            return family
        if borrowed and family.model and re.fullmatch(family.model, borrowed, re.IGNORECASE):
            return family
    raise UnsupportedFamilyError(
        f"the {tower} tower {borrowed} is of a family whose layers are not known here; known are "
        f"{', '.join(family.name for family in FAMILIES if family.tower == tower)}"
    )
