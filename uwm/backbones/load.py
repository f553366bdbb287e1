"""Loading: from what a configuration names to a backbone that can encode."""

from __future__ import annotations

import gzip
import logging
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from open_clip.tokenizer import SimpleTokenizer
from torch import Tensor

from uwm.backbones import hub
from uwm.backbones.architecture import build, check_same_network
from uwm.backbones.backbone import DTYPES, Backbone
from uwm.backbones.files import inside
from uwm.backbones.geometry import Geometry, Normalization
from uwm.backbones.hugging_face.names import to_open_clip
from uwm.backbones.hugging_face.tokenizers import VOCABULARIES, open_tokenizer
from uwm.backbones.locate import locate, tokenizer_folder
from uwm.backbones.located import LocatedFiles
from uwm.backbones.pretrained import PREPROCESS, gelu_mismatch, other_activation
from uwm.backbones.tokens import Tokenizer, check_tokenizer
from uwm.backbones.weight_files import fill, is_openai, read_weights, shards
from uwm.config import BackboneConfig, OwnBackbone, Precision, Preprocess
from uwm.errors import InputError, UnknownBackboneError, UWMError

_logger = logging.getLogger(__name__)
_MERGES_BYTES = 2**24
"""More than ten times CLIP's own."""


@lru_cache(maxsize=1)
def load(config: BackboneConfig, device: str = "cpu", precision: Precision = "fp32") -> Backbone:
    """The backbone that `config` names; the last one loaded stays in memory.

    Weights are read with torch's `weights_only` loading or as safetensors, never unpickled, and
    become float32. No other copy of them is held once this returns.

    Args:
        device: as in a configuration: `auto` is the best of whatever machine loads it.

    Raises:
        MissingWeightsError: its files are neither here nor to be had.
        UnsafeWeightsError: reading its weights could run code.
        UnknownBackboneError: no such model, tag, file or folder, or weights of another network.
        UnsupportedFamilyError: see `uwm.backbones.tokens.check_tokenizer`.
        InputError: the device cannot compute in `precision`.
    """
    resolved = resolve_device(device)
    check_precision(precision, resolved)
    located = locate(config)
    found = located.model_config
    try:
        tokenizer = check_tokenizer(_tokenizer(located))
        model = build(found)
        fill(model, _state(located))
        geometry, normalization = _preprocessing(config, located)
    except UWMError as error:
        raise type(error)(f"{config.name}: {error}") from error
    except Exception as error:  # open_clip and timm raise many kinds; all mean the same
        raise UnknownBackboneError(
            f"open_clip cannot build {config.name}: {type(error).__name__}: {error}"
        ) from error
    return Backbone(
        model=model.to(resolved),
        tokenizer=tokenizer,
        model_config=found,
        geometry=geometry,
        normalization=normalization,
        precision=precision,
        reload=Reload(config, device, precision),
    )


@dataclass(frozen=True)
class Reload:
    """What `load` was called with, to be called again in any process."""

    config: BackboneConfig
    device: str
    precision: Precision

    def __call__(self, *, anew: bool = False) -> Backbone:
        """The backbone; from its files even where this process has it, if `anew`."""
        if anew:
            load.cache_clear()
        return load(self.config, self.device, self.precision)


@dataclass(frozen=True)
class OtherWeights:
    """A backbone with the weights that `config` names, see `Backbone.variant`.

    Raises:
        InputError: another network, tokenizer or picture geometry than the original's.
    """

    config: BackboneConfig
    device: str = "cpu"
    precision: Precision = "fp32"

    def __call__(self, original: Backbone) -> Backbone:
        # Not by `load` itself, which would forget the original.
        other = load.__wrapped__(self.config, self.device, self.precision)
        check_same_network(original.model_config, other.model_config)
        for what, ours, theirs in (
            ("prepare pictures", original.geometry, other.geometry),
            ("tokenize texts", original.tokenizer_digest, other.tokenizer_digest),
        ):
            if ours != theirs:
                raise InputError(
                    f"other weights {what} as the backbone does that they are for; these do it "
                    f"otherwise ({theirs} instead of {ours}). Audit them as a backbone of their own"
                )
        return other


def _state(located: LocatedFiles) -> dict[str, Tensor]:
    """The located weights under open_clip's names."""
    state = _read(located.weights)
    if located.completed_by is not None:
        # What the lone tower has wins; it may be a later training stage than the whole model's.
        state = {**_read(located.completed_by), **state}
    if located.hugging_face:
        return to_open_clip(state, located.model_config)
    quick = bool(located.model_config.get("quick_gelu", False))
    if located.built_in is not None and is_openai(state) and not quick:
        right = other_activation(located.built_in)
        raise UnknownBackboneError(
            gelu_mismatch(located.built_in, located.weights.name, quick_gelu=True, right=right)
        )
    return state


def _read(path: Path) -> dict[str, Tensor]:
    return read_weights(shards(path) if path.name.endswith(".index.json") else (path,))


def _preprocessing(config: BackboneConfig, located: LocatedFiles) -> tuple[Geometry, Normalization]:
    given = config.preprocess if isinstance(config, OwnBackbone) else Preprocess()
    vision = located.model_config["vision_cfg"]
    known = {**located.preprocess, **given.model_dump(exclude_none=True)}
    takes = _height_and_width(vision.get("image_size", 224))
    height, width = _height_and_width(known.pop("size", takes))
    if (height, width) != takes and "convnext" not in vision.get("timm_model_name", ""):
        raise InputError(
            f"this image tower takes pictures of {takes[0]}x{takes[1]} pixels and no others; "
            f"leave `size` out of `preprocess:` (it says {height}x{width})"
        )
    if guessed := [key for key in PREPROCESS if key not in known]:
        known = {**{key: located.usual[key] for key in guessed}, **known}
        listed = ", ".join(f"{key} {known[key]}" for key in guessed)
        _logger.warning(
            "%s: nothing beside the weights says how pictures were prepared in training; guessed "
            "%s. Say it under `preprocess:` of this backbone",
            config.name,
            listed,
        )
    geometry = Geometry(
        height=height,
        width=width,
        interpolation=known["interpolation"],
        resize_mode=known["resize_mode"],
        fill_color=known.get("fill_color", 0),
    )
    return geometry, Normalization(mean=known["mean"], std=known["std"])


def _height_and_width(size: int | Sequence[int]) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    return height, width


def _tokenizer(located: LocatedFiles) -> Tokenizer:
    """The tokenizer of a text tower, from files beside the weights where they lie there."""
    text = located.model_config["text_cfg"]
    if name := text.get("hf_tokenizer_name"):
        folder = tokenizer_folder(located)
        if folder is None:  # by now in the cache, see `locate`
            vocabulary = hub.obtain(name, VOCABULARIES)
            if vocabulary is None:
                raise TypeError("a download answers with a path")
            folder = vocabulary.parent
        return open_tokenizer(folder, text)
    options = {**(text.get("tokenizer_kwargs") or {})}
    options["context_length"] = text.get("context_length", 77)
    if options.get("bpe_path") is not None:
        options["bpe_path"] = _merges(located.folder, options["bpe_path"])
    return SimpleTokenizer(**options)


def _merges(folder: Path | None, name: str) -> str:
    """A merges file named relative to a backbone's folder lies in that folder."""
    if folder is None:
        raise UnknownBackboneError(
            f"the tokenizer's merges file {name} must lie in the backbone's folder; a model of "
            "open_clip has none. Give it as a folder"
        )
    path = inside(folder, name)
    if not path.is_file():
        raise UnknownBackboneError(f"{folder} lacks {name}, the tokenizer's merges file")
    try:
        with gzip.open(path) as file:
            size = len(file.read(_MERGES_BYTES + 1))
    except (OSError, EOFError, zlib.error) as error:
        raise UnknownBackboneError(f"{path} is not a gzip file of merges: {error}") from error
    if size > _MERGES_BYTES:
        raise UnknownBackboneError(f"{path} unpacks to more than {_MERGES_BYTES} bytes of merges")
    return str(path)


def check_precision(precision: Precision, device: str) -> None:
    """Raise InputError where a device cannot run a forward pass in `precision`."""
    if precision == "fp32":
        return
    kind = torch.device(device).type
    dtype = DTYPES[precision]
    if not torch.amp.autocast_mode.is_autocast_available(kind):
        raise InputError(f"torch has no mixed precision on {device}; use precision: fp32")
    if kind == "cuda" and precision == "bf16" and not torch.cuda.is_bf16_supported():
        raise InputError("this GPU does not compute in bfloat16; use precision: fp16 or fp32")
    try:
        with torch.autocast(kind, dtype=dtype):
            torch.ones(1, 1, device=device) @ torch.ones(1, 1, device=device)
    except RuntimeError as error:
        raise InputError(f"{device} does not compute in {precision} ({error}); use fp32") from error


def resolve_device(device: str) -> str:
    """`auto` to the best device at hand.

    Raises:
        InputError: a GPU was asked for and torch sees none.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(
            "device cuda was asked for and torch sees no GPU; use device: auto, or check the "
            "driver with `uwm doctor`"
        )
    return device
