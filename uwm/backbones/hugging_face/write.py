"""What is written beside weights in Hugging Face's form: `config.json` and the preprocessor's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from uwm.backbones.geometry import Geometry, Normalization
from uwm.backbones.hugging_face.config import Family
from uwm.backbones.hugging_face.preprocessing import BICUBIC, BILINEAR
from uwm.backbones.hugging_face.trunks import SIGLIP_TRUNKS, trunk_is_tanh
from uwm.errors import UnsupportedFamilyError


def to_config(model_config: Mapping[str, Any]) -> dict[str, Any]:
    """The `config.json` for a network of open_clip's; `to_model_config` gives back its like.

    That the two mean the same network is for the caller to compare, see
    `uwm.backbones.architecture`.

    Raises:
        UnsupportedFamilyError: the image tower is of a family that these two kinds do not have.
    """
    image, text = model_config["vision_cfg"], model_config["text_cfg"]
    trunk, _, size = image.get("timm_model_name", "").rpartition("_")
    shapes = {name: shape for shape, name in SIGLIP_TRUNKS.items()}
    if trunk in shapes:
        return _siglip_config(shapes[trunk], int(size), image, text)
    if trunk or "hf_model_name" in text or isinstance(image.get("layers"), list):
        raise UnsupportedFamilyError(
            "only CLIP and SigLIP towers have a form in Hugging Face's own classes; "
            "write this backbone as open_clip"
        )
    width, words = image.get("width", 768), text.get("width", 512)
    act = "quick_gelu" if model_config.get("quick_gelu") else None
    return {
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "projection_dim": model_config["embed_dim"],
        "torch_dtype": "float32",
        "vision_config": {
            "model_type": "clip_vision_model",
            "projection_dim": model_config["embed_dim"],
            "image_size": image.get("image_size", 224),
            "patch_size": image.get("patch_size", 16),
            "num_attention_heads": width // image.get("head_width", 64),
            **_tower_config(image, width, act, eps=1e-5),
        },
        "text_config": {
            "model_type": "clip_text_model",
            "projection_dim": model_config["embed_dim"],
            "num_attention_heads": text.get("heads", 8),
            **_tower_config(text, words, act, eps=1e-5),
            **_vocabulary(text),
            # CLIP's vocabulary ends with start and end of text; pooling looks for the latter.
            "bos_token_id": text.get("vocab_size", 49408) - 2,
            "eos_token_id": text.get("vocab_size", 49408) - 1,
        },
    }


def _siglip_config(
    shape: tuple[int, int, int, int, int],
    size: int,
    image: Mapping[str, Any],
    text: Mapping[str, Any],
) -> dict[str, Any]:
    width, blocks, heads, mlp, patch = shape
    stated = (image.get("act_kwargs") or {}).get("approximate")
    tanh = stated == "tanh" if stated else trunk_is_tanh(image["timm_model_name"])
    return {
        "architectures": ["SiglipModel"],
        "model_type": "siglip",
        "torch_dtype": "float32",
        "vision_config": {
            "model_type": "siglip_vision_model",
            "hidden_size": width,
            "intermediate_size": mlp,
            "num_hidden_layers": blocks,
            "num_attention_heads": heads,
            "hidden_act": "gelu_pytorch_tanh" if tanh else "gelu",
            "layer_norm_eps": 1e-6,
            "image_size": size,
            "patch_size": patch,
        },
        "text_config": {
            "model_type": "siglip_text_model",
            "projection_size": width,
            "num_attention_heads": text.get("heads", 8),
            **_tower_config(text, text.get("width", 512), None, eps=1e-5),
            **_vocabulary(text),
        },
    }


def _tower_config(
    part: Mapping[str, Any], width: int, act: str | None, eps: float
) -> dict[str, Any]:
    tanh = (part.get("act_kwargs") or {}).get("approximate") == "tanh"
    return {
        "hidden_size": width,
        "intermediate_size": int(width * part.get("mlp_ratio", 4.0)),
        "num_hidden_layers": part.get("layers", 12),
        "hidden_act": act or ("gelu_pytorch_tanh" if tanh else "gelu"),
        "layer_norm_eps": (part.get("norm_kwargs") or {}).get("eps", eps),
    }


def _vocabulary(text: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "vocab_size": text.get("vocab_size", 49408),
        "max_position_embeddings": text.get("context_length", 77),
    }


def preprocessor(geometry: Geometry, normalization: Normalization, kind: Family) -> dict[str, Any]:
    """The content of `preprocessor_config.json`.

    Raises:
        UnsupportedFamilyError: pictures are padded to the longest edge, which it cannot say.
    """
    if geometry.resize_mode == "longest":
        raise UnsupportedFamilyError(
            "Hugging Face's image processors do not pad to the longest edge; write this backbone "
            "as open_clip"
        )
    exact = {"height": geometry.height, "width": geometry.width}
    squash = geometry.resize_mode == "squash"
    steps: dict[str, Any] = {"size": exact}
    if not squash:
        steps = {
            "size": {"shortest_edge": min(geometry.height, geometry.width)},
            "do_center_crop": True,
            "crop_size": exact,
        }
    name = {"clip": "CLIP", "siglip": "Siglip"}[kind]
    return {
        "image_processor_type": f"{name}ImageProcessor",
        "processor_class": f"{name}Processor",
        "do_resize": True,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "do_convert_rgb": True,
        "image_mean": list(normalization.mean),
        "image_std": list(normalization.std),
        "resample": BICUBIC if geometry.interpolation == "bicubic" else BILINEAR,
        **steps,
    }
