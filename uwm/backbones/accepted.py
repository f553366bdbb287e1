"""What a backbone's folder may say: known keys, of known types, within bounds; nothing else.

Folders come from strangers, and their configurations end up as arguments of open_clip, timm and
transformers, some of whose arguments load code. So each key is listed here with its type and its
largest value, and a configuration is refused before anything is built of it. The bounds lie far
above the largest open models (EVA-CLIP-18B, EVA02-E, PE-Core-G, ViT-bigG).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from uwm.errors import UnknownBackboneError

MAX_PARAMETERS = 40_000_000_000
"""Of a whole model, as its configuration implies: twice EVA-CLIP-18B."""
MAX_TOKENS = 65_536
"""Patches of a picture: 256 by 256."""

HUB_NAME = r"^[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?$"
"""`OWNER/NAME` on the hub, or a `NAME` of its oldest models; never read as a path."""

Width = Annotated[int, Field(ge=1, le=16_384)]
Layers = Annotated[int, Field(ge=1, le=512)]
Heads = Annotated[int, Field(ge=1, le=1024)]
Context = Annotated[int, Field(ge=1, le=8192)]
Vocabulary = Annotated[int, Field(ge=1, le=4_000_000)]
Pixels = Annotated[int, Field(ge=1, le=4096)]
Queries = Annotated[int, Field(ge=1, le=4096)]
TokenId = Annotated[int, Field(ge=0, le=4_000_000)]
Ratio = Annotated[float, Field(gt=0, le=64)]
Share = Annotated[float, Field(ge=0, lt=1)]
Scalar = Annotated[float, Field(ge=-1000, le=1000)]
Small = Annotated[float, Field(gt=0, lt=1)]
Size = Pixels | Annotated[list[Pixels], Field(min_length=2, max_length=2)]
Byte = Annotated[int, Field(ge=0, le=255)]
Channels = Annotated[
    list[Annotated[float, Field(ge=-255, le=255)]], Field(min_length=3, max_length=3)
]
HubName = Annotated[str, Field(pattern=HUB_NAME)]


class Section(BaseModel):
    """A mapping with these keys alone; a number is not a string, and a bool is not a number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Activation(Section):
    """Arguments of an activation (`act_kwargs`)."""

    approximate: Literal["none", "tanh"] = "none"


class Norm(Section):
    """Arguments of a layer norm (`norm_kwargs`)."""

    eps: Small = 1e-5


class Tokenizing(Section):
    """Arguments of a tokenizer (`tokenizer_kwargs`), of all that open_clip would pass on.

    `bpe_path` lies in the folder, see `uwm.backbones.load`.
    """

    clean: Literal["canonicalize", "lower", "whitespace"] = "lower"
    strip_sep_token: bool = False
    language: Annotated[str, Field(pattern=r"^[A-Za-z_]{2,16}$")] | None = None
    bpe_path: Annotated[str, Field(min_length=1, max_length=255)] | None = None


class Blocks(Section):
    """What open_clip's image and text towers have in common."""

    width: Width = 512
    mlp_ratio: Ratio = 4.0
    ls_init_value: Scalar | None = None
    final_ln_after_pool: bool = False
    output_tokens: bool = False
    act_kwargs: Activation | None = None
    norm_kwargs: Norm | None = None
    block_type: Literal["default", "custom"] | None = None
    qk_norm: bool = False
    scaled_cosine_attn: bool = False
    scale_heads: bool = False
    scale_attn_inner: bool = False
    scale_attn: bool = False
    scale_fc: bool = False


class Vision(Blocks):
    """An image tower (`vision_cfg`)."""

    width: Width = 768
    layers: Layers | Annotated[list[Layers], Field(min_length=4, max_length=4)] = 12
    head_width: Width = 64
    patch_size: Pixels | None = 16  # None where the tower is a ResNet
    image_size: Size = 224
    patch_dropout: Share = 0.0
    attentional_pool: bool | Literal["parallel", "cascade"] = False
    attn_pooler_queries: Queries = 256
    attn_pooler_heads: Heads = 8
    no_ln_pre: bool = False
    pos_embed_type: Literal["learnable", "sin_cos_2d"] = "learnable"
    pool_type: Literal["tok", "avg", "none"] = "tok"

    # A name of timm's registry: no path, and neither `hf-hub:` nor `local-dir:`, which have signs
    # that these may not have. That timm knows it is checked where the tower is built.
    timm_model_name: (
        Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,96}(\.[A-Za-z0-9_]{1,96})?$")] | None
    ) = None
    timm_model_pretrained: bool = False  # never heeded
    timm_pool: Literal[
        "", "avg", "avgmax", "max", "fast", "token", "map", "abs_attn", "rot_attn"
    ] = "avg"
    timm_proj: Literal["", "linear", "mlp", "none"] | None = "linear"
    timm_proj_bias: bool = False
    timm_drop: Share = 0.0
    timm_drop_path: Share | None = None


class Text(Blocks):
    """A text tower (`text_cfg`)."""

    context_length: Context = 77
    vocab_size: Vocabulary = 49_408
    hf_tokenizer_name: HubName | Literal[".", ""] | None = None  # "." where it lies beside
    tokenizer_mode: Literal["", "clips"] | None = None
    tokenizer_kwargs: Tokenizing | None = None

    heads: Heads = 8
    layers: Layers = 12
    embed_cls: bool = False
    pad_id: TokenId = 0
    eos_id: TokenId = 2
    no_causal_mask: bool = False
    pool_type: Literal["first", "last", "argmax", "eos", "none"] = "argmax"
    proj_bias: bool = False
    proj_type: Literal["linear", "none"] = "linear"

    hf_model_name: HubName | None = None
    hf_model_pretrained: bool = True  # never heeded
    hf_proj_type: Literal["linear", "mlp"] | None = "mlp"
    hf_pooler_type: (
        Literal["mean_pooler", "max_pooler", "cls_pooler", "cls_last_hidden_state_pooler"] | None
    ) = "mean_pooler"


class Multimodal(Text):
    """CoCa's decoder (`multimodal_cfg`)."""

    dim_head: Width = 64
    n_queries: Queries = 256
    attn_pooler_heads: Heads = 8


class Model(Section):
    """A whole model (`model_cfg`)."""

    embed_dim: Width
    vision_cfg: Vision
    text_cfg: Text
    multimodal_cfg: Multimodal | None = None
    custom_text: bool = False
    quick_gelu: bool = False
    init_logit_scale: Scalar = math.log(1 / 0.07)
    init_logit_bias: Scalar | None = None
    nonscalar_logit_scale: bool = False
    output_dict: bool = False
    pad_id: TokenId = 0


class Preparation(Section):
    """How pictures are prepared (`preprocess_cfg`)."""

    size: Size | None = None
    mode: Literal["RGB"] | None = None
    mean: Channels | None = None
    std: Channels | None = None
    interpolation: Literal["bicubic", "bilinear", "random"] | None = None
    resize_mode: Literal["shortest", "longest", "squash"] | None = None
    fill_color: Byte | Annotated[list[Byte], Field(min_length=3, max_length=3)] | None = None


class OpenClip(Section):
    """An `open_clip_config.json`."""

    model_cfg: Model
    preprocess_cfg: Preparation | None = None


_NAMES = {
    "timm_model_name": "it should be a name of timm's own registry, no path and no address",
    "hf_model_name": "it should be a repository of the hub, OWNER/NAME, and no path",
    "hf_tokenizer_name": (
        "it should be a repository of the hub, OWNER/NAME, or . for files beside the weights"
    ),
}
"""The rule of a name, which a pattern does not tell."""


def check(section: type[Section], content: Mapping[str, Any], where: str) -> None:
    """Raise UnknownBackboneError unless `content` has the section's keys alone, within bounds.

    Args:
        where: what `content` is, for the message: a file, as a rule.
    """
    try:
        parsed = section.model_validate(content)
    except ValidationError as error:
        raise UnknownBackboneError(f"{where}: {_said(error, content, section)}") from error
    model = getattr(parsed, "model_cfg", parsed)
    if isinstance(model, Model):
        _check_size(model, where)


def check_parameters(count: float, where: str) -> None:
    """Raise UnknownBackboneError where a configuration implies too large a model."""
    if count > MAX_PARAMETERS:
        raise UnknownBackboneError(
            f"{where} describes a model of {count:.1e} parameters; up to {MAX_PARAMETERS:.0e} are "
            "accepted. Correct its sizes (width, layers, vocabulary, picture and patch)"
        )


def _check_size(model: Model, where: str) -> None:
    image, text, decoder = model.vision_cfg, model.text_cfg, model.multimodal_cfg
    height, width = (
        image.image_size if isinstance(image.image_size, list) else [image.image_size] * 2
    )
    count = model.embed_dim * (image.width + text.width)
    if isinstance(image.layers, list):
        # Bottlenecks of stage i have some 17 p^2 parameters for p = width * 2^i; then a pooling.
        stages = enumerate(image.layers)
        count += sum(17 * blocks * (image.width * 2**stage) ** 2 for stage, blocks in stages)
        pooled = image.width * 32
        count += 4 * pooled**2 + pooled * (math.ceil(height / 32) * math.ceil(width / 32) + 1)
    elif image.timm_model_name is None:
        patch = image.patch_size or 16
        tokens = math.ceil(height / patch) * math.ceil(width / patch)
        if tokens > MAX_TOKENS:
            raise UnknownBackboneError(
                f"{where}: vision_cfg cuts a picture into {tokens} patches; up to {MAX_TOKENS} are "
                "accepted. Correct image_size and patch_size"
            )
        count += _blocks(image.width, image.layers, image.mlp_ratio)
        count += image.width * (tokens + 3 * patch**2 + image.attn_pooler_queries)
    for part, per_layer in ((text, 1), (decoder, 2)):
        if part is not None:
            count += per_layer * _blocks(part.width, part.layers, part.mlp_ratio)
            count += part.width * (part.vocab_size + part.context_length)
    check_parameters(count, where)


def _blocks(width: int, layers: int, mlp_ratio: float) -> int:
    return int(layers * width**2 * (4 + 2 * mlp_ratio))


def _said(error: ValidationError, content: object, section: type[Section]) -> str:
    """The first thing that is wrong: key, value, rule and what to do."""
    first = error.errors(include_url=False)[0]
    keys, value = [], content
    for key in first["loc"]:  # those of alternatives, such as `list[int]`, are not keys
        if isinstance(value, Mapping) and key in value:
            value = value[str(key)]
        elif isinstance(value, list) and isinstance(key, int) and key < len(value):
            value = value[key]
        elif first["type"] != "missing":
            continue
        keys.append(str(key))
    key = ".".join(keys)
    if first["type"] == "missing":
        return f"{key} is wanted there and missing. Ask its publisher for the whole file"
    shown = repr(value) if len(repr(value)) <= 80 else f"{repr(value)[:77]}..."
    if first["type"] == "extra_forbidden":
        known = ", ".join(_section(section, keys[:-1]).model_fields)
        return (
            f"{key} is {shown}, and a backbone's files may not set that; known there are {known}. "
            "Remove it from the file if the model does without"
        )
    rule = _NAMES.get(keys[-1] if keys else "", first["msg"][0].lower() + first["msg"][1:])
    return f"{key} is {shown}; {rule}. Correct it in the file"


def _section(section: type[Section], keys: list[str]) -> type[Section]:
    """The section that lies at `keys` in another one."""
    for key in keys:
        annotation = section.model_fields[key].annotation
        for part in (annotation, *getattr(annotation, "__args__", ())):
            if isinstance(part, type) and issubclass(part, Section):
                section = part
    return section
