"""The network that an open_clip configuration means: built, and in a form that can be compared."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import timm
from open_clip import CLIP, CoCa, CustomTextCLIP
from open_clip.model import CLIPTextCfg, CLIPVisionCfg
from torch import nn
from torch.overrides import TorchFunctionMode

from uwm.backbones import hub
from uwm.backbones.hugging_face.borrowed import CONFIG, text_tower_folder
from uwm.errors import InputError, UnknownBackboneError
from uwm.families import TOWERS, Tower

_NAMES_AND_TRAINING = {
    *("timm_model_pretrained", "timm_drop", "timm_drop_path", "patch_dropout"),
    *("hf_model_pretrained", "hf_tokenizer_name", "tokenizer_mode", "tokenizer_kwargs"),
}
"""Keys of a tower's configuration that change no embedding of given tokens or pixels."""


def build(model_config: Mapping[str, Any]) -> nn.Module:
    """The network of `model_config` on the CPU, in eval mode, its parameters not initialised.

    Initial values would be overwritten, and drawing them takes longer than reading a checkpoint;
    memory is only reserved, so that a model and its checkpoint are not held twice.

    Raises:
        UnknownBackboneError: an image tower that timm does not have, or a text tower that
            `uwm.backbones.hugging_face.borrowed` refuses.
    """
    config = deepcopy(dict(model_config))
    custom = config.pop("custom_text", False) or "hf_model_name" in config["text_cfg"]
    # Both would download the towers that these were once trained from.
    if (trunk := config["vision_cfg"].get("timm_model_name")) is not None:
        config["vision_cfg"]["timm_model_pretrained"] = False
        _check_registered(trunk)
    if "hf_model_name" in config["text_cfg"]:
        config["text_cfg"]["hf_model_pretrained"] = False
    network = CLIP if not custom else CoCa if "multimodal_cfg" in config else CustomTextCLIP
    with ExitStack() as building:
        if name := config["text_cfg"].get("hf_model_name"):
            # Never by its name, which may be a folder's where this process runs.
            folder = building.enter_context(text_tower_folder(_tower_file(name)))
            config["text_cfg"]["hf_model_name"] = str(folder)
        building.enter_context(Uninitialised())
        model: nn.Module = network(**config)
    activation = (config["vision_cfg"].get("act_kwargs") or {}).get("approximate")
    if "timm_model_name" in config["vision_cfg"] and activation is not None:
        # open_clip hands this setting to its own towers alone.
        _set_gelu(model.get_submodule("visual"), activation)
    return model.eval().requires_grad_(False)


def canonical(model_config: Mapping[str, Any], tower: Tower) -> dict[str, Any]:
    """What a tower computes, apart from its weights: equal for two configurations that mean one
    network, however much of it either leaves to defaults.

    Ready for JSON: sorted keys, no tuples.
    """
    part = model_config["vision_cfg" if tower == "image" else "text_cfg"]
    full = asdict(CLIPVisionCfg(**part) if tower == "image" else CLIPTextCfg(**part))
    foreign = "timm_model_name" if tower == "image" else "hf_model_name"
    if full[foreign] is not None:
        # timm (or transformers) builds it: of the rest only the picture's size and the output count
        kept = (foreign.split("_")[0], "image_size", "output_tokens", "act_kwargs")
        full = {key: value for key, value in full.items() if key.startswith(kept)}
    else:
        full = {key: value for key, value in full.items() if not key.startswith(("timm_", "hf_"))}
        full["mlp_width"] = int(full["width"] * full.pop("mlp_ratio"))
        full["quick_gelu"] = bool(model_config.get("quick_gelu", False))
    kept_keys = {key: value for key, value in full.items() if key not in _NAMES_AND_TRAINING}
    kept_keys["embed_dim"] = model_config["embed_dim"]
    found: dict[str, Any] = json.loads(json.dumps(kept_keys, sort_keys=True))
    return found


def check_same_network(original: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    """Raise InputError unless two open_clip configurations (`model_cfg`) mean the same towers."""
    for tower in TOWERS:
        ours, theirs = canonical(original, tower), canonical(other, tower)
        if differing := sorted(
            key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)
        ):
            listed = ", ".join(
                f"{key} {theirs.get(key)} instead of {ours.get(key)}" for key in differing
            )
            raise InputError(
                f"other weights are of the backbone's own network; these have another {tower} "
                f"tower ({listed}). Audit them as a backbone of their own"
            )


def _check_registered(name: str) -> None:
    """Raise UnknownBackboneError unless timm's own registry has an image tower."""
    if ":" in name or "/" in name or not timm.is_model(name.partition(".")[0]):
        raise UnknownBackboneError(
            f"vision_cfg.timm_model_name is {name!r}, which timm {timm.__version__} does not have; "
            "only models of its own registry are built. Correct it, or install a newer timm"
        )


def _tower_file(name: str) -> Path:
    """The `config.json` of a text tower: of an absolute folder, or of a repository of the hub."""
    if Path(name).is_absolute():
        return Path(name) / CONFIG
    found = hub.obtain(name, (CONFIG,))
    if found is None:
        raise TypeError("a download answers with a path")
    return found


def _set_gelu(module: nn.Module, approximate: str) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.GELU) or type(child).__name__ in ("GELU", "GELUTanh"):
            setattr(module, name, nn.GELU(approximate=approximate))
        else:
            _set_gelu(child, approximate)


class Uninitialised(TorchFunctionMode):
    """Leaves parameters as they are allocated: whatever would fill one in place does nothing.

    Buffers are computed as ever, since checkpoints lack some of them (CLIP's causal mask). The mode
    belongs to the thread that enters it.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        name = getattr(func, "__name__", "")
        in_place = name.endswith("_") and not name.startswith("__")
        filled = args[0] if args else (kwargs or {}).get("tensor")  # so called in torch.nn.init
        if in_place and isinstance(filled, nn.Parameter):
            return filled
        return func(*args, **(kwargs or {}))
