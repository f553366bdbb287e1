"""Hugging Face's `config.json` of CLIP and SigLIP, to open_clip's `model_cfg`.

What a file leaves out has the default of transformers' own configuration classes; sizes are bounded
before anything is built of them, since the file may be anyone's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from uwm.backbones.hugging_face.trunks import SIGLIP_TRUNKS, trunk_is_tanh
from uwm.errors import UnknownBackboneError, UnsupportedFamilyError

Count = Annotated[int, Field(ge=1, le=2048)]
Width = Annotated[int, Field(ge=1, le=65_536)]
Family = Literal["clip", "siglip"]

BESIDE = "."
"""The tokenizer's name where its files lie beside the weights."""
_EOS_OF_OLD_FILES = 2
"""What early files say, and transformers then pools at the highest id, as open_clip does."""
_CLIP_VOCABULARY = 49408
"""Size of the vocabulary that open_clip's own tokenizer has."""

LONE_TOWERS = ("clip_vision_model", "siglip_vision_model")


class _Tower(BaseModel, frozen=True, extra="ignore"):
    hidden_size: Width
    intermediate_size: Width
    num_hidden_layers: Count
    num_attention_heads: Count
    hidden_act: str
    layer_norm_eps: Annotated[float, Field(gt=0, lt=1)]


class _Image(_Tower):
    image_size: Count
    patch_size: Count


class _Text(_Tower):
    vocab_size: Annotated[int, Field(ge=1, le=4_000_000)]
    max_position_embeddings: Width
    projection_size: Width | None = None
    eos_token_id: int | None = None


_SHAPE = {"hidden_size": 768, "intermediate_size": 3072}
_DEPTH = {"num_hidden_layers": 12, "num_attention_heads": 12}
_CLIP = {"hidden_act": "quick_gelu", "layer_norm_eps": 1e-5}
_SIGLIP = {"hidden_act": "gelu_pytorch_tanh", "layer_norm_eps": 1e-6}
_DEFAULTS: dict[Family, dict[str, dict[str, Any]]] = {
    "clip": {
        "vision_config": {**_SHAPE, **_DEPTH, **_CLIP, "image_size": 224, "patch_size": 32},
        "text_config": {
            "hidden_size": 512,
            "intermediate_size": 2048,
            "num_hidden_layers": 12,
            "num_attention_heads": 8,
            "vocab_size": 49408,
            "max_position_embeddings": 77,
            **_CLIP,
        },
    },
    "siglip": {
        "vision_config": {**_SHAPE, **_DEPTH, **_SIGLIP, "image_size": 224, "patch_size": 16},
        "text_config": {
            "vocab_size": 32000,
            "max_position_embeddings": 64,
            **_SHAPE,
            **_DEPTH,
            **_SIGLIP,
        },
    },
}


def family(config: Mapping[str, Any]) -> Family:
    """Which of the two a `config.json` describes.

    Raises:
        UnknownBackboneError: neither, or an image tower alone.
    """
    kind = config.get("model_type")
    if kind == "clip":
        return "clip"
    if kind == "siglip":
        return "siglip"
    if kind in LONE_TOWERS:
        raise UnknownBackboneError(
            "it holds an image tower alone, and an audit needs both towers: name the folder that "
            "its text tower comes from as `text:`"
        )
    raise UnknownBackboneError(
        f"of Hugging Face's models, those of type clip and siglip can be read; this is {kind!r}. "
        "Take the contrastive model out of a larger one first, or convert it to open_clip"
    )


def with_text_of(lone: Mapping[str, Any], whole: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a lone image tower completed by that of a whole model.

    Raises:
        UnknownBackboneError: the two are of different kinds.
    """
    kind = family(whole)
    if lone.get("model_type") not in (f"{kind}_vision_model", kind):
        raise UnknownBackboneError(
            f"an image tower of type {lone.get('model_type')!r} does not go with the text tower of "
            f"a {kind} model"
        )
    return {**whole, "vision_config": lone.get("vision_config", lone)}


def to_model_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """open_clip's `model_cfg` for the network that a `config.json` describes.

    Raises:
        UnknownBackboneError: another kind of model, or sizes out of bounds.
        UnsupportedFamilyError: a shape or activation that open_clip cannot build.
    """
    kind = family(config)
    image, text = (
        _parsed(kind, part, config.get(part)) for part in ("vision_config", "text_config")
    )
    if not isinstance(image, _Image) or not isinstance(text, _Text):
        raise TypeError("towers in the wrong order")
    return _clip(config, image, text) if kind == "clip" else _siglip(image, text)


def _parsed(kind: Family, part: str, given: object) -> _Tower:
    shape = _Image if part == "vision_config" else _Text
    given = {} if given is None else given
    if not isinstance(given, Mapping):
        raise UnknownBackboneError(f"{part} should be a mapping; got {given!r}")
    try:
        return shape.model_validate({**_DEFAULTS[kind][part], **given})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(name) for name in first["loc"])
        raise UnknownBackboneError(f"{part}.{where}: {first['msg']}") from error


def _clip(config: Mapping[str, Any], image: _Image, text: _Text) -> dict[str, Any]:
    if image.hidden_act != text.hidden_act:
        raise UnsupportedFamilyError(
            "open_clip has one activation for both towers; this model has "
            f"{image.hidden_act} in the image tower and {text.hidden_act} in the text tower"
        )
    if text.eos_token_id not in (None, _EOS_OF_OLD_FILES, text.vocab_size - 1):
        raise UnsupportedFamilyError(
            "open_clip pools a text at its token of the highest id, which should be end-of-text; "
            f"here that has the id {text.eos_token_id} of {text.vocab_size}, as after tokens were "
            "added. Take the model without the added tokens"
        )
    found: dict[str, Any] = {
        "embed_dim": _width(config.get("projection_dim", 512)),
        "vision_cfg": {
            "image_size": image.image_size,
            "layers": image.num_hidden_layers,
            "width": image.hidden_size,
            "head_width": image.hidden_size // image.num_attention_heads,
            "mlp_ratio": _ratio(image),
            "patch_size": image.patch_size,
            **_kwargs(image, eps=1e-5),
        },
        "text_cfg": {
            "context_length": text.max_position_embeddings,
            "vocab_size": text.vocab_size,
            "width": text.hidden_size,
            "heads": text.num_attention_heads,
            "layers": text.num_hidden_layers,
            "mlp_ratio": _ratio(text),
            **_kwargs(text, eps=1e-5),
        },
    }
    if text.vocab_size != _CLIP_VOCABULARY:
        found["text_cfg"]["hf_tokenizer_name"] = BESIDE
    if image.hidden_act == "quick_gelu":
        found["quick_gelu"] = True
    return found


def _siglip(image: _Image, text: _Text) -> dict[str, Any]:
    shape = (image.hidden_size, image.num_hidden_layers, image.num_attention_heads)
    trunk = SIGLIP_TRUNKS.get((*shape, image.intermediate_size, image.patch_size))
    if trunk is None or image.layer_norm_eps != 1e-6:
        raise UnsupportedFamilyError(
            f"the image tower has width, blocks and heads {shape}, MLP width "
            f"{image.intermediate_size} and patches of {image.patch_size}; timm, which open_clip "
            f"builds it with, has {', '.join(SIGLIP_TRUNKS.values())}"
        )
    if "quick_gelu" in (image.hidden_act, text.hidden_act):
        raise UnsupportedFamilyError("open_clip builds SigLIP with GELU, exact or its tanh form")
    return {
        "embed_dim": image.hidden_size,
        "init_logit_bias": -10,
        "custom_text": True,
        "vision_cfg": {
            "image_size": image.image_size,
            "timm_model_name": f"{trunk}_{image.image_size}",
            "timm_model_pretrained": False,
            "timm_pool": "map",
            "timm_proj": "none",
            **_trunk_activation(f"{trunk}_{image.image_size}", image),
        },
        "text_cfg": {
            "context_length": text.max_position_embeddings,
            "vocab_size": text.vocab_size,
            "hf_tokenizer_name": BESIDE,
            "tokenizer_kwargs": {"clean": "canonicalize"},
            "width": text.hidden_size,
            "heads": text.num_attention_heads,
            "layers": text.num_hidden_layers,
            "mlp_ratio": _ratio(text),
            "no_causal_mask": True,
            "proj_bias": True,
            "pool_type": "last",
            **_kwargs(text, eps=1e-5),
        },
    }


def _trunk_activation(timm_name: str, image: _Image) -> dict[str, Any]:
    """The activation where it is not timm's; `architecture` sees to it, open_clip does not."""
    approximate = _kwargs(image, eps=1e-6).get("act_kwargs", {}).get("approximate", "none")
    if (approximate == "tanh") == trunk_is_tanh(timm_name):
        return {}
    return {"act_kwargs": {"approximate": approximate}}


def _kwargs(tower: _Tower, eps: float) -> dict[str, Any]:
    """Activation and normalisation where they are not open_clip's default."""
    found: dict[str, Any] = {}
    if tower.layer_norm_eps != eps:
        found["norm_kwargs"] = {"eps": tower.layer_norm_eps}
    if tower.hidden_act in ("gelu_pytorch_tanh", "gelu_new"):
        found["act_kwargs"] = {"approximate": "tanh"}
    elif tower.hidden_act not in ("gelu", "quick_gelu"):
        raise UnsupportedFamilyError(
            f"open_clip computes GELU, its tanh form and QuickGELU; this model has "
            f"{tower.hidden_act!r}"
        )
    return found


def _ratio(tower: _Tower) -> float:
    """An MLP ratio of which open_clip's `int(width * ratio)` gives back the MLP's width."""
    exact = tower.intermediate_size / tower.hidden_size
    if int(tower.hidden_size * exact) == tower.intermediate_size:
        return exact
    return (tower.intermediate_size + 0.5) / tower.hidden_size


def _width(value: object) -> int:
    if not isinstance(value, int) or not 1 <= value <= 65_536:
        raise UnknownBackboneError(
            f"projection_dim should be a whole number up to 65536; got {value!r}"
        )
    return value
